// Parameters of the group_norm kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// x is [images, tokens, units]; its tokens are cut into parts.
struct GroupNormPush {
  uint images, tokens;
  uint units;  // of a token, see common/units.glsl
  uint parts, part_tokens;
  float epsilon;
};

#ifdef __cplusplus
}
#endif
