#include "models/nn/activation.h"

#include <fmt/format.h>

#include "fovea/error.h"

namespace fovea::layers {

using ops::Activation;

ops::Activation activation_of(const io::ModelConfig& config, const char* key, const char* fallback) {
  const std::string name = io::arg_string(config.model_args, key, fallback, config.file);
  // timm's names and transformers'.
  static constexpr std::pair<std::string_view, Activation> known[] = {
      {"gelu", Activation::gelu},
      {"gelu_python", Activation::gelu},
      {"gelu_tanh", Activation::gelu_tanh},
      {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"gelu_new", Activation::gelu_tanh},
      {"quick_gelu", Activation::quick_gelu},
      {"quickgelu", Activation::quick_gelu},
      {"relu", Activation::relu},
      {"relu6", Activation::relu6},
      {"silu", Activation::silu},
      {"swish", Activation::silu},
      {"hard_swish", Activation::hardswish},
      {"hardswish", Activation::hardswish},
  };
  std::string names;
  for (const auto& [text, activation] : known) {
    if (text == name) return activation;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", text);
  }
  throw Error(ErrorKind::model, fmt::format("[load] {}: {} '{}' is unknown; there are {}",
                                            config.file.string(), key, name, names));
}

Activation activation_of(const io::ModelConfig& config, const char* key, Activation fallback) {
  const bool silent = io::arg_string(config.model_args, key, "", config.file).empty();
  return silent ? fallback : activation_of(config, key, "");
}

}  // namespace fovea::layers
