// Attention pooling with a learnt query (SigLIP; Zhai et al. 2023): timm's AttentionPoolLatent with one
// latent.
#pragma once

#include "models/nn/transformer.h"

namespace fovea::layers {

class AttentionPool {
 public:
  AttentionPool(WeightStore& store, const io::Weights& w, const BlockShape& shape);
  // x [images, tokens, width] → [images, width].
  Tensor operator()(Recorder& r, const Tensor& x) const;

 private:
  uint32_t heads_;
  Linear kv_, proj_;
  LayerNorm norm_;
  Mlp mlp_;
  Tensor query_;
};

}  // namespace fovea::layers
