// Parameters of the pool kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// x is [images, height, width, units], y [images, out_height, out_width, units].
struct PoolPush {
  uint images, height, width;
  uint units;  // of a pixel, see common/units.glsl
  uint out_height, out_width;
  uint stride, dilation;
  uint top, left, bottom, right;  // padding
};

#ifdef __cplusplus
}
#endif
