// A tokenizer as a row of steps, whichever files it was read from: tokens that stand in the text,
// normalisation, words, the model that cuts words, special tokens around it all; and the way back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/text/added_tokens.h"
#include "models/text/normalizer.h"
#include "models/text/vocabulary.h"
#include "models/text/word_model.h"
#include "models/text/words.h"

namespace fovea::text {

class SentencePiece;

enum class Decoding {
  bytes,           // characters that stand for bytes
  word_piece,      // spaces between tokens, but in front of those that continue a word
  word_end,        // a space for each mark of a word's end
  pieces,          // a space for each ▁
  sentence_piece,  // what libsentencepiece says
  characters,      // as they are
};

struct Pipeline {
  std::vector<int32_t> encode(std::string_view text, bool special, size_t most) const;
  std::string decode(std::span<const int32_t> ids, bool skip_special, bool clean) const;
  // Throws Error(usage) for an id beyond the vocabulary.
  void check(int32_t id) const;
  // Puts it into the vocabulary, behind the last token where it has no id. Throws Error(file).
  void add(AddedToken token, const std::string& file);
  // Of a token that must be there, for what the error says. Throws Error(file).
  int32_t require(std::string_view token, const std::string& what, const std::string& file) const;

  Vocabulary vocabulary;
  AddedTokens in_text, in_normalized;
  std::map<int32_t, AddedToken> added;
  Normalizer normalizer;
  WordSplitter splitter;
  std::unique_ptr<const WordModel> model;
  const SentencePiece* sentence_piece = nullptr;  // the model, where it is one
  std::vector<int32_t> before, behind;
  Decoding decoding = Decoding::bytes;
  std::string word_end;   // </w>
  std::string continues;  // ##
  bool clean_up = false;

 private:
  void encode_piece(std::string_view text, std::vector<int32_t>& out) const;
  std::string joined(std::span<const int32_t> ids) const;
};

}  // namespace fovea::text
