// Byte pair encoding: of the pairs of neighbours in a word the one whose merge was learned first is joined,
// again and again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "models/text/vocabulary.h"
#include "models/text/word_model.h"

namespace fovea::text {

struct Merge {
  std::string left, right;
  size_t line = 0;  // of the file, or its place among the merges
};

struct BpeOptions {
  std::string word_end;  // at the last character of each word: </w>
  std::optional<int32_t>
      unknown;                // for characters that the vocabulary lacks; without it such a text is refused
  bool join_unknown = false;  // one for a stretch of them
  bool whole_words = false;   // a word that is a token is that token, whatever the merges
};

class Bpe : public WordModel {
 public:
  // Throws Error(file) for merges of what the vocabulary lacks. `file` is where they were read.
  Bpe(const Vocabulary& vocabulary, const std::vector<Merge>& merges, BpeOptions options,
      const std::string& file);

  // In n log n steps of a word's n characters.
  void encode(std::string_view word, std::vector<int32_t>& out) const override;

 private:
  struct Joined {
    uint32_t rank;
    int32_t id;
  };
  struct Symbol;
  struct Candidate;

  std::vector<Symbol> symbols(std::string_view word) const;
  const Joined* joined(int32_t left, int32_t right) const;

  const Vocabulary& vocabulary_;
  BpeOptions options_;
  std::unordered_map<uint64_t, Joined> merges_;  // by left << 32 | right
};

}  // namespace fovea::text
