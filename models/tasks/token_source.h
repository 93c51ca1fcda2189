// The tokens of a text about one picture, from whichever kind of model writes it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "fovea/generate.h"
#include "models/model/id_writer.h"
#include "models/model/model.h"

namespace fovea {

// What is known of them before one is written.
struct TokenTraits {
  IdWriter::Ids ids;
  uint32_t vocabulary = 0;
  uint32_t positions = 0;          // that words can take
  uint32_t layers = 1, heads = 1;  // of what looks at the picture
  bool goes_on = false;            // with words that are given
  // The picture's tokens, as they are looked at: cells, row by row, behind some that are no part of it.
  uint32_t rows = 0, cols = 0, prefix = 0;
};

class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual const TokenTraits& traits() const = 0;

  // Makes ready for texts for which so many ids of words are given; the pixels of before are no more. Returns
  // how many tokens can be written: `most`, or fewer.
  virtual uint32_t record(uint32_t words, uint32_t most) = 0;
  // [1, 3, height, width], to be written by another program.
  virtual Tensor pixels() const = 0;
  // Looks at the picture, and stands before the first token. words: the question, or what a text goes on
  // with.
  virtual void start(std::span<const uint32_t> words) = 0;
  struct Token {
    uint32_t id = 0;
    float probability = 0;
  };
  virtual std::optional<Token> next() = 0;  // nothing behind the last one
  // What went to each of the picture's tokens when the last one was chosen. The request is one that the
  // traits allow.
  virtual std::vector<float> looked(const TokenMapRequest& request) = 0;
};

TextTask task_of(const LoadedModel& model);
std::vector<MapMethod> token_map_methods(const LoadedModel& model);
// Throws Error(usage) for a model that writes no text about pictures, and for a choice that it cannot make.
std::unique_ptr<TokenSource> token_source(const LoadedModel& model, const TokenChoice& choice);

}  // namespace fovea
