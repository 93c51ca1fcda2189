// What goes into error messages: text from untrusted files, made safe to print on one line.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

namespace fovea::io {

// printable() and not too long.
std::string excerpt(std::string_view text, size_t limit = 120);
// "[576, 192]"
std::string shape_text(std::span<const uint64_t> shape);
// The value as JSON, cut to a readable length.
std::string value_text(const nlohmann::json& value);

}  // namespace fovea::io
