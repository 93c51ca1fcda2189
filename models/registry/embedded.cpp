#include "fovea/embedded.h"

#include <span>

// In bytes.S.
extern "C" {
extern const char fovea_embedded_config[], fovea_embedded_config_end[];
extern const char fovea_embedded_weights[], fovea_embedded_weights_end[];
extern const char fovea_reader_config[], fovea_reader_config_end[];
extern const char fovea_reader_weights[], fovea_reader_weights_end[];
}

namespace fovea {

// docs/models/early_conv_vit_things100.md is its card.
EmbeddedModel embedded_model() {
  const std::span<const char> weights(fovea_embedded_weights, fovea_embedded_weights_end);
  return {
      .name = "embedded",
      .files = {.name = "embedded model",
                .config = {fovea_embedded_config, fovea_embedded_config_end},
                .preprocessor = {},
                .weights = std::as_bytes(weights)},
      .licence = "Apache-2.0",
      .classes = 100,
      .parameters = 984708,
      .gmacs = 0.35,
  };
}

// docs/models/fovea_reader.md is its card.
EmbeddedModel embedded_reader() {
  const std::span<const char> weights(fovea_reader_weights, fovea_reader_weights_end);
  return {
      .name = "embedded-reader",
      .files = {.name = "embedded reader",
                .config = {fovea_reader_config, fovea_reader_config_end},
                .preprocessor = {},
                .weights = std::as_bytes(weights)},
      .licence = "Apache-2.0",
      .classes = 0,
      .parameters = 1319808,
      .gmacs = 0.11,
  };
}

}  // namespace fovea
