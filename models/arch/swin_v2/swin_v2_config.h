// What config.json and the architecture's name say of a Swin v2.
#pragma once

#include "models/config/config.h"
#include "models/nn/shifted_windows.h"
#include "runtime/ops/nn/activation.h"

namespace fovea::swin_v2 {

struct Settings {
  // Wanted windows, and those of the training that the position biases come from; {0, 0} for the same. By
  // stage.
  layers::GridSize window{};
  std::vector<uint32_t> trained_windows;
  bool always_partition = false;
  ops::Activation activation = ops::Activation::gelu;

  uint32_t trained_window(uint32_t stage) const {
    return stage < trained_windows.size() ? trained_windows[stage] : 0;
  }
};

// timm's names, such as swinv2_base_window12to16_192to256: sizes of windows are in no weight's shape.
// swinv2_cr_* is another architecture.
bool is_name(const std::string& architecture);
// Throws Error(model) for what leaves no trace in the weights and is not what Fovea computes.
Settings settings_of(const io::ModelConfig& config);

}  // namespace fovea::swin_v2
