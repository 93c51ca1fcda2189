#include "models/registry/refusal.h"

#include <fmt/format.h>

#include "core/text.h"
#include "models/registry/registry.h"

namespace fovea {

std::string refusal_of(const io::ModelConfig& config) {
  if (family_of(config) != nullptr) return {};
  for (const Family& family : families()) {
    if (family.difference == nullptr) continue;
    if (const std::string what = family.difference(config); !what.empty())
      return fmt::format("describes a '{}', which is no {} that Fovea computes: {}",
                         printable(config.architecture), family.name, what);
  }
  return fmt::format("describes a '{}', which Fovea does not have", printable(config.architecture));
}

}  // namespace fovea
