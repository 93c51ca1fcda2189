// Text that may be shown.
#pragma once

#include <string>
#include <string_view>

namespace fovea {

// A path as it may be shown: control characters, which could split a line or steer a terminal, become '?'.
std::string printable(std::string_view path);

}  // namespace fovea
