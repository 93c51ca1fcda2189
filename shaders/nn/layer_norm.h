// Parameters of the LayerNorm kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// Row r of x begins at (r / inner) * outer_stride + (r % inner) * inner_stride, in elements: whole tokens,
// one token of each image, or one head of each token. Rows of y are found likewise.
struct LayerNormPush {
  uint rows, width;
  uint inner;
  uint x_outer, x_inner, x_first;
  uint y_outer, y_inner, y_first;
  float epsilon;
};

#ifdef __cplusplus
}
#endif
