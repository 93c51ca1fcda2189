#include "core/xdg.h"

#include <cstdlib>

namespace fovea {
namespace fs = std::filesystem;

namespace {

fs::path home_of(const char* variable, const char* below_home) {
  fs::path base = absolute_variable(variable);
  if (base.empty()) {
    base = absolute_variable("HOME");
    if (base.empty()) return {};
    base /= below_home;
  }
  return base / "fovea";
}

}  // namespace

fs::path absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? fs::path(value) : fs::path();
}

fs::path cache_home() {
  return home_of("XDG_CACHE_HOME", ".cache");
}

fs::path config_home() {
  return home_of("XDG_CONFIG_HOME", ".config");
}

}  // namespace fovea
