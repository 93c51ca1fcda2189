// Classes of a model as people name them.
#pragma once

#include <cstdint>
#include <string>

#include "fovea/model.h"

namespace fovea::apps {

// The class that a person means by its number or its label, any case; a part of a label is enough when it is
// in one only. Throws Error(usage) naming the candidates.
uint32_t parse_class(const std::string& text, const ModelInfo& info);

// The label of a class, or "class 17" where nobody named them.
std::string label_of(const ModelInfo& info, uint32_t index);

}  // namespace fovea::apps
