#include "models/config/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace fovea::io {

std::string excerpt(std::string_view text, size_t limit) {
  return printable(text, limit);
}

std::string shape_text(std::span<const uint64_t> shape) {
  constexpr size_t shown = 8;
  std::string out = "[";
  for (size_t i = 0; i < std::min(shape.size(), shown); ++i) {
    out += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  }
  if (shape.size() > shown) out += fmt::format(", ... {} dimensions", shape.size());
  return out + "]";
}

std::string value_text(const nlohmann::json& value) {
  return excerpt(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 60);
}

}  // namespace fovea::io
