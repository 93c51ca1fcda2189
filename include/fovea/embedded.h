// Models that travel inside the library, for machines without network or weights. docs/models/ has their
// cards.
#pragma once

#include <cstdint>
#include <string_view>

#include "fovea/model.h"

namespace fovea {

struct EmbeddedModel {
  std::string_view name;  // by which the program knows it
  ModelBytes files;       // these live as long as the program
  std::string_view licence;
  uint32_t classes = 0;  // 0: it writes
  uint64_t parameters = 0;
  double gmacs = 0;  // 1e9 multiplications with addition, for one picture; of a text, before its first token
};

// Says which of 100 everyday things a picture shows; trained by tools/train.
EmbeddedModel embedded_model();
// Reads a word or a short line; trained by tools/train/reader.
EmbeddedModel embedded_reader();

}  // namespace fovea
