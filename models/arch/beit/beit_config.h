// What config.json says of a BEiT.
#pragma once

#include <array>

#include "models/arch/beit/beit_bias.h"
#include "models/config/config.h"
#include "models/weights/weights.h"
#include "runtime/ops/nn/activation.h"

namespace fovea::beit {

struct Settings {
  uint32_t depth = 0, heads = 0;
  float epsilon = 1e-6F;
  ops::Activation activation = ops::Activation::gelu;
  bool mean_pool = true;  // the head reads the mean of the patches, else the class token
};

// Pixels of the input that the positions were trained for: height and width.
std::array<uint32_t, 2> trained_size(const io::ModelConfig& config);
// Throws Error(model) for what leaves no trace in the weights and is not what Fovea computes.
Settings settings_of(const io::ModelConfig& config, const io::Weights& w);

}  // namespace fovea::beit
