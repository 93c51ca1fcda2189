// The grids and windows of Swin's stages (Liu et al. 2021, 3.2), of both versions.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "models/config/config.h"
#include "models/nn/windows.h"

namespace fovea::layers {

using GridSize = std::array<uint32_t, 2>;  // rows, columns

// The window that the configuration names for a stage: one number, [rows, columns], or one of these a stage.
// Nothing where it names none.
std::optional<GridSize> configured_window(const io::ModelConfig& config, uint32_t stage);

struct WindowChoice {
  GridSize window, shift;   // shift: of every second block
  bool pads_first = false;  // as WindowShape has it
};
// timm's choice: a window no smaller than the grid becomes the grid's size and does not shift along that
// side, unless `always` says otherwise. nominal: the grid as timm counts it, halves rounded down; merging
// fills up odd ones, so the real grid may be larger.
WindowChoice fitted_window(const GridSize& nominal, const GridSize& target, bool always);

// Windows in place and shifted: for blocks of even and odd number.
std::vector<Windows> shifted_windows(WeightStore& store, const GridSize& grid, const WindowChoice& choice);

// Of every 2×2 square of cells the four, down first; 0xffffffff beyond the edge: [squares * 4].
std::vector<uint32_t> cells_of_squares(const GridSize& grid);

}  // namespace fovea::layers
