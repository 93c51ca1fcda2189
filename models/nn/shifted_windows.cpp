#include "models/nn/shifted_windows.h"

#include <nlohmann/json.hpp>

namespace fovea::layers {

std::optional<GridSize> configured_window(const io::ModelConfig& config, uint32_t stage) {
  if (!config.model_args.gives("window_size")) return std::nullopt;
  const nlohmann::json& args = config.model_args;
  nlohmann::json value = args["window_size"];
  if (value.is_array() && value.size() != 2 && stage < value.size()) value = value[stage];
  return io::arg_size({{"window_size", value}}, "window_size", {}, config.file, 1, 1024);
}

WindowChoice fitted_window(const GridSize& nominal, const GridSize& target, bool always) {
  WindowChoice out{target, {target[0] / 2, target[1] / 2}};
  for (size_t axis = 0; axis < 2; ++axis)
    if (!always && nominal[axis] <= target[axis]) {
      out.window[axis] = nominal[axis];
      out.shift[axis] = 0;
    }
  return out;
}

std::vector<Windows> shifted_windows(WeightStore& store, const GridSize& grid, const WindowChoice& choice) {
  WindowShape shape{grid[0], grid[1], choice.window[0], choice.window[1]};
  shape.pads_first = choice.pads_first;
  std::vector<Windows> out;
  out.emplace_back(store, shape);
  shape.shift_rows = choice.shift[0];
  shape.shift_cols = choice.shift[1];
  out.emplace_back(store, shape);
  return out;
}

std::vector<uint32_t> cells_of_squares(const GridSize& grid) {
  std::vector<uint32_t> out;
  for (uint32_t row = 0; row < grid[0]; row += 2)
    for (uint32_t col = 0; col < grid[1]; col += 2)
      for (uint32_t i = 0; i < 4; ++i) {
        const uint32_t y = row + i % 2, x = col + i / 2;
        out.push_back(y < grid[0] && x < grid[1] ? y * grid[1] + x : 0xffffffff);
      }
  return out;
}

}  // namespace fovea::layers
