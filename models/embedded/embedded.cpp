#include "fovea/embedded.h"

namespace fovea {

std::optional<EmbeddedModel> embedded_model() {
  return std::nullopt;
}

}  // namespace fovea
