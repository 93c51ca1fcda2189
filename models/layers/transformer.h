// The transformer block of vision transformers (Dosovitskiy et al. 2021, eqs. 2 and 3) and its parts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/layers/basic.h"
#include "models/model.h"

namespace fovea::layers {

struct BlockShape {
  uint32_t width, heads;
  float epsilon;
  ops::Activation activation;
};

// [groups, width, length] → [groups, padded, length], zeros behind each group's rows: heads of a width that
// kernels take.
std::vector<float> pad_groups(std::span<const float> values, size_t width, size_t padded, size_t length);

// Multi-head self-attention with packed qkv; q and k normalised per head where the weights have it. Heads
// whose width is not a multiple of four get channels of zeros, as kernels read fours.
class Attention {
 public:
  Attention(WeightStore& store, const io::Weights& w, const BlockShape& shape);
  // y = residual + scale ⊙ proj(attention(x)). The model tells the tap which grid its tokens are.
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale,
                    AttentionTap* tap) const;

 private:
  std::string name_;
  uint32_t heads_;
  float scale_;  // of the true width
  Linear qkv_, proj_;
  std::optional<LayerNorm> q_norm_, k_norm_;
};

// fc2(act(fc1(x))), or fc2(silu(a) ⊙ b) with [a, b] = fc1(x) where fc1 is twice as wide as fc2 reads
// (SwiGLU).
class Mlp {
 public:
  Mlp(WeightStore& store, const io::Weights& w, uint32_t width, ops::Activation activation);
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale) const;

 private:
  ops::Activation activation_;
  uint32_t hidden_, inner_;  // columns of fc1, inputs of fc2
  Linear fc1_, fc2_;
};

class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, const BlockShape& shape);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;

 private:
  LayerNorm norm1_, norm2_;
  Attention attn_;
  Mlp mlp_;
  Tensor scale1_, scale2_;  // LayerScale (Touvron et al. 2021), empty where the block has none
};

}  // namespace fovea::layers
