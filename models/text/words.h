// Words: the stretches of a text that a model of words cuts into tokens, each for itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fovea::text {

bool is_ascii_punctuation(char32_t c);

enum class Split {
  gpt2,    // contractions, letters, numbers or anything else with a space before, white space
  clip,    // contractions, letters, single digits, anything else; white space dropped
  bert,    // punctuation single, white space dropped
  spaces,  // at white space, which is dropped
};

struct WordSplitter {
  std::vector<std::string> operator()(std::string_view text) const;

  bool space_before = false;  // where the text does not begin with one
  std::vector<Split> splits;
  bool bytes = false;  // each byte as one character (byte_characters.h)
};

}  // namespace fovea::text
