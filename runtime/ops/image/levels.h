// A map's values to levels from 0 to 1, with what is remembered of earlier frames.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/image/levels.h"

namespace fovea::ops {

enum class LevelScale : uint32_t {
  frame,    // lowest to highest value of the frame
  running,  // the same, closing slowly on what earlier frames had
  fixed,
};

struct LevelsOptions {
  LevelScale scale = LevelScale::frame;
  float lowest = 0, highest = 1;  // of a fixed range
  float smoothing = 0;            // weight of earlier frames' values, below 1

  bool remembers() const { return scale == LevelScale::running || smoothing > 0; }
};

struct Levels {
  static constexpr const gpu::Shader& shader = shaders::levels;
  using Push = LevelsPush;
  struct Spec {
    uint32_t group = 64;
    uint32_t scale = 0;  // LevelScale
    uint32_t smooth = 0;
  };
  struct Bind {
    In map;
    InOut state;
    Out values, levels;
  };
  static Grid grid(const Push&, const Spec&) { return {1, 1, 1}; }
  static Spec spec(const DeviceInfo& device, const LevelsOptions& o) {
    return {device.type == DeviceType::cpu ? 8U : 64U, static_cast<uint32_t>(o.scale),
            o.smoothing > 0 ? 1U : 0U};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const LevelScale scale : {LevelScale::frame, LevelScale::running, LevelScale::fixed})
      for (const float smoothing : {0.0F, 0.5F}) out.push_back(spec(device, {scale, 0, 1, smoothing}));
    return out;
  }
};
inline const KernelRegistration<Levels> register_levels;

// Of a running range: a frame with a narrower one closes it by this part of the difference.
constexpr float levels_forgetting = 0.05F;
// Floats that a map of so many cells remembers, all zero before the first frame.
constexpr uint32_t levels_state(uint32_t cells) {
  return cells + 3;
}

struct LevelsResult {
  Tensor values;  // f32 [rows, cols], the map after smoothing
  Tensor levels;  // f32 [rows, cols, 4], 0 to 1, each cell with its right, lower and lower right neighbour
};

// A map of one value has level 0. map: f32, the grid of rows × cols begins at element `first`. Without
// smoothing its values are handed on bit by bit; what is no number counts as the lowest level, or infinity as
// the highest. state: f32 [levels_state(rows · cols)], used where options.remembers().
inline LevelsResult levels(Recorder& r, const Tensor& map, uint32_t first, uint32_t rows, uint32_t cols,
                           const LevelsOptions& options, const Tensor& state) {
  const uint64_t cells = uint64_t{rows} * cols;
  check(map.dtype == DType::f32 && cells != 0 && first + cells <= map.shape.elements() &&
            map.shape.elements() <= UINT32_MAX && state.dtype == DType::f32 &&
            state.shape == Shape{levels_state(static_cast<uint32_t>(cells))},
        "levels", [&] {
          return fmt::format("{} {}, {} × {} cells from {}, {}", shape_of("map", map), to_string(map.dtype),
                             rows, cols, first, shape_of("state", state));
        });
  check(options.smoothing >= 0 && options.smoothing < 1 &&
            (options.scale != LevelScale::fixed || options.lowest < options.highest),
        "levels", [&] {
          return fmt::format("a smoothing of {} and a range of {}…{}", options.smoothing, options.lowest,
                             options.highest);
        });
  const LevelsResult out{r.temporary({rows, cols}, DType::f32, "map"),
                         r.temporary({rows, cols, 4}, DType::f32, "levels")};
  r.dispatch<Levels>(
      {map, state, out.values, out.levels},
      {rows, cols, first, options.smoothing, levels_forgetting, options.lowest, options.highest},
      Levels::spec(r.device().info(), options), cells * 16);
  return out;
}

}  // namespace fovea::ops
