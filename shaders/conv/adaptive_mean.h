// Parameters of the adaptive_mean kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct AdaptiveMeanPush {
  uint images;
  uint rows, cols;          // of x
  uint out_rows, out_cols;  // of y
  uint units;               // of a pixel, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
