// What lies in a rectangle of a map's cells.
#pragma once

#include <cstdint>

#include "fovea/maps.h"

namespace fovea::test {

inline double mass_of(const AttentionMap& map, uint32_t top, uint32_t left, uint32_t rows, uint32_t cols) {
  double sum = 0;
  for (uint32_t row = top; row < top + rows; ++row)
    for (uint32_t col = left; col < left + cols; ++col) sum += double{map.values[row * map.cols + col]};
  return sum;
}

}  // namespace fovea::test
