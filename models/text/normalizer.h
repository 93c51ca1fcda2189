// What happens to a text before it is split into words.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "models/text/unicode.h"

namespace fovea::text {

// BERT's: controls dropped, every white space made one of ASCII, spaces around Chinese characters.
struct BertText {
  bool clean = true;
  bool spaced_chinese = true;
};
struct StripAccents {};  // marks that take no room of their own
struct Lowercase {};
struct CollapseSpaces {};    // every stretch of white space is one space
struct StripPunctuation {};  // that of ASCII, and white space at the ends

using Normalization = std::variant<BertText, StripAccents, Lowercase, CollapseSpaces, StripPunctuation, Form>;

struct Normalizer {
  std::string operator()(std::string_view text) const;

  std::vector<Normalization> steps;
};

}  // namespace fovea::text
