// Parameters of the adaptive_mean kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct AdaptiveMeanPush {
  uint images;
  uint height, width;          // of x
  uint out_height, out_width;  // of y
  uint units;                  // of a pixel, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
