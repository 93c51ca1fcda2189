// Back from a token through all attention that it came by: the decoder's, over what was written and over what
// it is about, and that of the encoder over the picture.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/model/model.h"
#include "models/model/writer.h"

namespace fovea {

// Layers over one sequence of tokens, heads averaged: rows of `self` [tokens, tokens], and of `cross`
// [tokens, keys] where a layer then looks at another sequence.
struct TracedStack {
  struct Layer {
    std::vector<float> self, cross;
  };
  uint32_t tokens = 0, keys = 0;  // keys: 0 where no layer looks at another sequence
  std::vector<Layer> layers;      // the first one first
};

// Attention rollout (Abnar & Zuidema 2020, eq. 1) of a stack, where every sum x + attention(x) counts half
// for x and half for what attention took it from. `above` is of tokens behind the last layer; what is left of
// it before the first one, and what went to keys.
struct RolledDown {
  std::vector<double> tokens, keys;
};
RolledDown roll_down(const TracedStack& stack, std::vector<double> above);

// Recorded beside a generation, for one picture; its passes run when they are asked for.
class Retrace {
 public:
  // inputs: the generation's own, which the caller's writes reach; longest: tokens of a text.
  Retrace(const LoadedModel& model, std::span<const Tensor> inputs, uint32_t longest);

  // The inputs were written anew.
  void forget() { below_.clear(); }
  // What the choice at ids.back() came from: a share for each token of the picture. What they sum to less
  // than 1 stayed with words.
  std::vector<float> rollout(std::span<const uint32_t> ids);

 private:
  struct Rows {
    AttentionKind kind = AttentionKind::self_attention;
    Tensor rows;  // [1, tokens, keys] f32
  };
  static std::vector<Rows> record_rows(Recorder& r, const AttentionTap& tap);
  static std::vector<TracedStack> stacks_of(const Program& program, const std::vector<Rows>& rows);

  std::vector<Rows> below_rows_, text_rows_;
  std::vector<Tensor> kv_;
  Tensor ids_;
  Program below_pass_, text_pass_;
  std::vector<TracedStack> below_;  // of what the text is about, the last one first
};

}  // namespace fovea
