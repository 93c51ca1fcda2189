#include "core/shape.h"

#include <fmt/format.h>

namespace fovea {

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (uint32_t i = 0; i < shape.rank(); ++i) out += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return out + "]";
}

}  // namespace fovea
