// The model that travels inside the library, for machines without network or weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "fovea/model.h"

namespace fovea {

struct EmbeddedModel {
  ModelBytes files;  // these live as long as the program
  std::string_view name, licence;
  uint32_t classes = 0;
  uint64_t parameters = 0;
  double gmacs = 0;  // 1e9 multiplications with addition, for one picture
  double top1 = 0;   // per cent of the validation pictures of its own classes; 0: not measured
};

// None in a library that was built without one.
std::optional<EmbeddedModel> embedded_model();

}  // namespace fovea
