#include "models/config/imagenet.h"

#include <array>

namespace fovea::io {

std::span<const std::string_view> imagenet_labels() {
  static constexpr std::array<std::string_view, 1000> labels = {
#include "models/config/imagenet_labels.inc"
  };
  static_assert(!labels.back().empty());
  return labels;
}

}  // namespace fovea::io
