// The list of model families: what has a folder in models/arch/.
#pragma once

#include <span>

#include "models/model/family.h"

namespace fovea {

std::span<const Family> families();                      // no two match one configuration
const Family* family_of(const io::ModelConfig& config);  // nullptr when there is none

}  // namespace fovea
