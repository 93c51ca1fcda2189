// The transformer block (Dosovitskiy et al. 2021, eqs. 2 and 3).
#pragma once

#include <optional>
#include <string>

#include "models/nn/attention.h"
#include "models/nn/mlp.h"

namespace fovea::layers {

// Of what attention and MLP read, or of what they add to the stream (Liu et al. 2022, "Swin Transformer
// V2", 3.2).
enum class NormPlace { before, after };

struct BlockShape {
  uint32_t width = 0, heads = 0;
  float epsilon = 1e-6F;
  ops::Activation activation = ops::Activation::gelu;
  TokenGrid grid{};                // what the tokens are
  std::optional<Rotary> rotary{};  // positions of queries and keys
  Tensor bias{};                   // of positions to one another, as AttentionShape has it
  NormPlace norms = NormPlace::before;
};

// y = x + ls1 ⊙ attention(norm1(x)), y + ls2 ⊙ MLP(norm2(y)); LayerScale (Touvron et al. 2021) where the
// weights have it, as ls1.gamma or gamma_1.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, const BlockShape& shape);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;

  // For maps. The stream between attention and MLP again, x [images, queries, width] the block's input.
  Attention::Again middle(Recorder& r, const Tensor& x, const ops::AttentionInput& in) const;
  // Backwards, all gradients f32: from that by the block's output to that by the stream in the middle, by the
  // heads' outputs o, and by the block's input. o may be empty: it is made again where it is needed. held:
  // deviations of norms count as constants.
  Tensor middle_gradient(Recorder& r, const Tensor& middle, const Tensor& dy) const;
  Tensor heads_gradient(Recorder& r, const ops::AttentionInput& in, const Tensor& o, const Tensor& dmiddle,
                        bool held) const;
  Tensor input_gradient(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                        const ops::AttentionResult& forward, const Tensor& heads_gradient,
                        const Tensor& dmiddle) const;
  // What attention adds to the stream without any head is bias ⊙ scale; either is empty where there is none.
  const Tensor& attention_bias() const { return attn_.bias(); }
  const Tensor& attention_scale() const { return scale1_; }

 private:
  std::string name_;
  NormPlace norms_;
  LayerNorm norm1_, norm2_;
  Attention attn_;
  Mlp mlp_;
  Tensor scale1_, scale2_;  // empty where the block has none
};

}  // namespace fovea::layers
