// Parameters of weighted_sum, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct WeightedSumPush {
  uint batch, rows, items, units;              // units: of an item's channels, see common/units.glsl
  uint weight_batch, weight_row, weight_item;  // steps of the weights
  float scale;
};

#ifdef __cplusplus
}
#endif
