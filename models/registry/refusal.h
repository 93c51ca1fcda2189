// Why no family loads what a config describes.
#pragma once

#include <string>

#include "models/config/config.h"

namespace fovea {

// A clause that follows the config's name: "describes a 'resnest50d', which Fovea does not have". Empty where
// a family loads it.
std::string refusal_of(const io::ModelConfig& config);

}  // namespace fovea
