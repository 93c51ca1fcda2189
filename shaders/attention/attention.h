// Parameters of the attention kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// Element (image b, token i, head h, channel c) of q is q[q_first + b * q_image + i * q_token + h * width +
// c]; k and v likewise, so that packed qkv rows need no copy. All in elements.
struct AttentionLayout {
  uint images, queries, keys, heads, width;  // width: channels a head
  uint q_first, q_image, q_token;
  uint k_first, v_first, kv_image, kv_token;
  float scale;
};

// What is added to the scaled logits: f32 [images, heads, queries, keys rounded up to 4]. Image b and head h
// use entry b % images, h % heads; there may be more queries than are asked for, or one for all.
struct LogitTerm {
  uint images, heads, queries;
};

// Which keys a query sees, where the kernel's HAS_LENGTHS or CAUSAL says so.
struct KeyLimits {
  uint lengths;  // entries of the buffer of lengths: image b sees its first lengths[b % entries] keys
  uint offset;   // causal: query i sees keys up to i + offset
};

struct AttentionPush {
  AttentionLayout a;
  LogitTerm bias, mask;
  KeyLimits limits;
};

#ifdef __cplusplus
}
#endif
