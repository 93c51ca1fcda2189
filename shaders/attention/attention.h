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
// use entry b % images, h % heads; there may be more queries than are asked for.
struct LogitTerm {
  uint images, heads, queries;
};

struct AttentionPush {
  AttentionLayout a;
  LogitTerm bias, mask;
};

#ifdef __cplusplus
}
#endif
