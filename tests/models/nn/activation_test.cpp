// Activations by their names in configurations.
#include "models/nn/activation.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "fovea/error.h"

using fovea::io::Args;
using fovea::io::ModelConfig;
using fovea::layers::activation_of;
using fovea::ops::Activation;

TEST_CASE("Activations are known by timm's and transformers' names") {
  ModelConfig config;
  config.file = "folder/config.json";
  CHECK(activation_of(config, "hidden_act", "gelu") == Activation::gelu);
  for (const auto& [name, activation] : {std::pair{"gelu_new", Activation::gelu_tanh},
                                         {"quick_gelu", Activation::quick_gelu},
                                         {"relu", Activation::relu},
                                         {"silu", Activation::silu}}) {
    config.model_args = Args(nlohmann::json{{"hidden_act", name}});
    CHECK(activation_of(config, "hidden_act", "gelu") == activation);
  }
  config.model_args = Args(nlohmann::json{{"hidden_act", "mish"}});
  CHECK_THROWS_WITH_AS(activation_of(config, "hidden_act", "gelu"),
                       doctest::Contains("folder/config.json: hidden_act 'mish' is unknown; there are gelu"),
                       fovea::Error);
}
