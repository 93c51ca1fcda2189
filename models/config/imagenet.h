// Names of the 1000 ImageNet-1k classes, in the order of the logits.
#pragma once

#include <span>
#include <string_view>

namespace fovea::io {

std::span<const std::string_view> imagenet_labels();

}  // namespace fovea::io
