// What config.json says of a Swin.
#pragma once

#include "models/config/config.h"
#include "models/nn/shifted_windows.h"
#include "models/weights/weights.h"
#include "runtime/ops/nn/activation.h"

namespace fovea::swin {

// torch's default, which both libraries leave the norms of patches and merges.
constexpr float epsilon = 1e-5F;

struct Settings {
  float epsilon = swin::epsilon;  // of the norms in blocks and of the last one
  ops::Activation activation = ops::Activation::gelu;
};
// Throws Error(model) for what leaves no trace in the weights and is not what Fovea computes.
Settings settings_of(const io::ModelConfig& config);

// The grid of a stage: as it is, as timm counts it (halves rounded down), and that of the training, counted
// likewise.
struct StageGrid {
  layers::GridSize size, nominal, trained;
};
// attn: of the stage's first block, whose bias table tells a window where the configuration is silent.
layers::WindowChoice windows_of(const io::ModelConfig& config, uint32_t stage, const io::Weights& attn,
                                const StageGrid& grid);

}  // namespace fovea::swin
