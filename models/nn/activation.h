// Activations by the names that configurations have for them.
#pragma once

#include "models/config/config.h"
#include "runtime/ops/nn/activation.h"

namespace fovea::layers {

// model_args[key], or `fallback` where the configuration is silent. Throws Error(model) for an activation
// that there is none of.
ops::Activation activation_of(const io::ModelConfig& config, const char* key, const char* fallback);
ops::Activation activation_of(const io::ModelConfig& config, const char* key, ops::Activation fallback);

}  // namespace fovea::layers
