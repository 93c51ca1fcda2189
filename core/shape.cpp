#include "core/shape.h"

#include <fmt/format.h>

#include "fovea/error.h"

namespace fovea {

void Shape::refuse_rank(size_t rank) {
  throw Error(ErrorKind::usage, fmt::format("[shape] {} dimensions, of at most {}", rank, max_rank));
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (uint32_t i = 0; i < shape.rank(); ++i) out += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return out + "]";
}

}  // namespace fovea
