// Pooling by attention: one learned query attends to all tokens, and an MLP refines what it found (SigLIP,
// Zhai et al. 2023; Lee et al. 2019, "Set Transformer", eq. 11).
#pragma once

#include "models/nn/block.h"

namespace fovea::layers {

class AttentionPool {
 public:
  // `skipped`: how many of the grid's prefix tokens are not read.
  AttentionPool(WeightStore& store, const io::Weights& w, const BlockShape& shape, uint32_t skipped = 0);
  // x [images, tokens, width] → [images, width]
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;

 private:
  std::string name_;
  Heads heads_;
  TokenGrid grid_;  // of what is read of x
  uint32_t skipped_;
  Tensor query_;  // [1, 1, padded channels]
  Linear kv_, proj_;
  LayerNorm norm_;
  Mlp mlp_;
};

}  // namespace fovea::layers
