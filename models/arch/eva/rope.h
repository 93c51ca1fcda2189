// Rotary positions of patches on a grid, as vision transformers lay them out.
#pragma once

#include <cstdint>
#include <span>

#include "models/nn/rotary.h"

namespace fovea::rope {

struct GridSize {
  uint32_t rows = 0, cols = 0;
};

// Half of a head's pairs turn by the row and half by the column, with frequencies temperature^(−i / pairs a
// half).
struct Axial {
  uint32_t head_width = 0;
  double temperature = 10000;
  double offset = 0;     // of the first row and column
  GridSize reference{};  // that positions are scaled to, of whatever size the grid is; empty: not scaled
  bool columns_first = false;  // which half is whose
};
layers::Rotary::Grid axial(const Axial& rope, const GridSize& grid);

// Frequencies that were learned, of both coordinates at once (Heo et al. 2024): [2, heads, pairs], of columns
// and then rows where columns_first.
layers::Rotary::Grid mixed(std::span<const float> frequencies, uint32_t heads, bool columns_first,
                           const GridSize& grid);

// Centres of patches in −1 … 1 on both axes, whatever the grid; a pair are the channels half a head apart
// (Siméoni et al. 2025, DINOv3).
layers::Rotary::Grid centred(uint32_t head_width, double temperature, const GridSize& grid);

}  // namespace fovea::rope
