// WordPiece: the longest token that a word begins with, then the longest of those that continue one, to its
// end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/text/vocabulary.h"
#include "models/text/word_model.h"

namespace fovea::text {

struct WordPieceOptions {
  std::string continues = "##";
  int32_t unknown = 0;        // for a word of which some part is no token
  size_t longest_word = 100;  // in characters; longer ones are unknown
};

class WordPiece : public WordModel {
 public:
  WordPiece(const Vocabulary& vocabulary, WordPieceOptions options);

  void encode(std::string_view word, std::vector<int32_t>& out) const override;

 private:
  const Vocabulary& vocabulary_;
  WordPieceOptions options_;
  size_t longest_token_ = 0;  // bytes
};

}  // namespace fovea::text
