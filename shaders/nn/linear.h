// Parameters of the linear kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct LinearPush {
  uint m, n, k;   // rows of x, columns of y, inner dimension
  uint columns4;  // row length of the packed weights [k, columns4], in vectors of four columns
};

#ifdef __cplusplus
}
#endif
