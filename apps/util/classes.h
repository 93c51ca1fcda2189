// Classes of a model as people name them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fovea/model.h"

namespace fovea::apps {

// The class that a person means by its number, whatever the model has, or by its label in any case; a part of
// a label is enough when it is in one only. Throws RequestError naming the candidates.
uint32_t parse_class(const std::string& text, const ModelInfo& info);

// 0 for "top1", the best class of a picture; nothing for other words.
std::optional<uint32_t> rank_named(std::string_view text);

// The label of a class, or "class 17" where nobody named them.
std::string label_of(const ModelInfo& info, uint32_t index);

}  // namespace fovea::apps
