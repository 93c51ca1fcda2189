// The model that travels inside the library, for machines without network or weights: 100 everyday classes,
// trained by tools/train. docs/models/early_conv_vit_things100.md is its card.
#pragma once

#include <cstdint>
#include <string_view>

#include "fovea/model.h"

namespace fovea {

struct EmbeddedModel {
  ModelBytes files;  // these live as long as the program
  std::string_view licence;
  uint32_t classes = 0;
  uint64_t parameters = 0;
  double gmacs = 0;  // 1e9 multiplications with addition, for one picture
};

EmbeddedModel embedded_model();

}  // namespace fovea
