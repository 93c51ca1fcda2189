// The list of model families.
#pragma once

#include <span>

#include "models/model/family.h"

namespace fovea {

std::span<const Family> families();
const Family* family_of(const io::ModelConfig& config);  // nullptr when there is none

}  // namespace fovea
