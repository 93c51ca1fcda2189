// Parameters of weight_gradient, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct WeightGradientPush {
  uint rows, columns, units;  // of the sum; of dy; of x, see common/units.glsl
  uint dy_row, dy_first;      // in elements
  uint x_row, x_first;        // in units
};

#ifdef __cplusplus
}
#endif
