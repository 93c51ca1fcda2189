// SentencePiece models, through libsentencepiece where the library was built with it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "models/text/vocabulary.h"
#include "models/text/word_model.h"

namespace fovea::text {

enum class Numbering {
  own,      // the ids of the file
  fairseq,  // <s>, <pad>, </s>, <unk> first, and the pieces behind the file's three specials one higher
};

class SentencePiece : public WordModel {
 public:
  virtual std::string decode(std::span<const int32_t> ids) const = 0;
};

// `model` is the file's text. Its pieces go into the vocabulary, which has none yet. Throws Error(file) where
// it is no such model, and where Fovea was built without the library.
std::unique_ptr<SentencePiece> load_sentence_piece(const std::string& model, Numbering numbering,
                                                   Vocabulary& vocabulary, const std::string& file);

}  // namespace fovea::text
