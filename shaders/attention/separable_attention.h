// Parameters of the separable_attention kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// x is [groups, tokens, row]: keys and values of `units`, then a unit that begins with the query. See
// common/units.glsl.
struct SeparableAttentionPush {
  uint groups, tokens;
  uint units, row;
};

#ifdef __cplusplus
}
#endif
