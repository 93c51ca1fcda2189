// Parameters of the L2 normalisation kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// Row r begins at (r / inner) * outer + (r % inner) * units, in units (common/units.glsl).
struct L2NormPush {
  uint rows, units;
  uint inner, outer;
  float epsilon;
};

#ifdef __cplusplus
}
#endif
