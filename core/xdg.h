// The folders for caches and settings of the XDG base directory specification.
#pragma once

#include <filesystem>

namespace fovea {

// $XDG_CACHE_HOME/fovea or ~/.cache/fovea; $XDG_CONFIG_HOME/fovea or ~/.config/fovea. Relative values are
// ignored. Empty when no variable says where.
std::filesystem::path cache_home();
std::filesystem::path config_home();

// An absolute path in a variable, else empty.
std::filesystem::path absolute_variable(const char* name);

}  // namespace fovea
