// Text that may be shown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fovea {

// Text of others, such as a path, as it may be shown on one line: control characters, which could split it or
// steer a terminal, become \xNN; what is longer than `limit` bytes is cut.
std::string printable(std::string_view text, size_t limit = std::string_view::npos);

}  // namespace fovea
