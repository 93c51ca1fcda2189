// Parameters of the convolution kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ConvPush {
  uint images, height, width, inputs;   // of x
  uint out_height, out_width, columns;  // of y
  uint columns4;                        // row length of the packed weights, in vectors of four columns
  uint groups;                          // inputs and columns fall into as many parts
  uint window_height, window_width, stride, dilation;
  uint top, left;  // padding
};

#ifdef __cplusplus
}
#endif
