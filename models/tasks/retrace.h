// A text once more, all of its tokens in one pass, for maps that go back from a token through all attention
// that it came by: the decoder's, over what was written and over what it is about, and that of the encoder
// over the picture.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/model/model.h"
#include "models/model/writer.h"

namespace fovea {

class Retrace {
 public:
  // Recorded beside a generation, for one picture. inputs: the generation's own, which the caller's writes
  // reach; longest: tokens of a text.
  Retrace(const LoadedModel& model, std::span<const Tensor> inputs, uint32_t longest);

  // The inputs were written anew.
  void forget() { seen_ = false; }
  // Looks at the inputs, unless they are the same, and reads the text.
  void run(std::span<const uint32_t> ids);

  // Tensors that other programs may read; of what the text is about, and of the text.
  const AttentionTap& below() const { return below_; }
  const AttentionTap& text() const { return text_; }
  uint32_t longest() const { return ids_.shape[1]; }
  uint64_t pictures() const { return pictures_; }  // looked at so far
  // What the head reads at a position, [width].
  std::vector<float> at(uint32_t position) const;

 private:
  Tensor ids_, x_;
  Program below_pass_, text_pass_;
  AttentionTap below_, text_;
  bool seen_ = false;
  uint64_t pictures_ = 0;
};

// A matrix for each attention of the layers over one sequence of tokens: rows of `self` [tokens, tokens], and
// of `cross` [tokens, keys] where a layer then looks at another sequence.
struct TracedStack {
  struct Layer {
    std::vector<float> self, cross;
  };
  uint32_t tokens = 0, keys = 0;  // keys: 0 where no layer looks at another sequence
  std::vector<Layer> layers;      // the first one first
};

}  // namespace fovea
