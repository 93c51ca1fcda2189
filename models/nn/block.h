// The transformer block (Dosovitskiy et al. 2021, eqs. 2 and 3).
#pragma once

#include <optional>
#include <string>

#include "models/nn/attention.h"
#include "models/nn/mlp.h"
#include "models/nn/step.h"

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
class Block : public Step {
 public:
  Block(WeightStore& store, const io::Weights& w, const BlockShape& shape);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;

  Middle middle(Recorder& r, const Tensor& x, const ops::AttentionInput& in) const override;
  Tensor middle_gradient(Recorder& r, const Tensor& middle, const Tensor& dy) const override;
  Tensor heads_gradient(Recorder& r, const ops::AttentionInput& in, const Tensor& o, const Tensor& dmiddle,
                        bool held) const override;
  Tensor input_gradient(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                        const ops::AttentionResult& forward, const Tensor& heads_gradient,
                        const Tensor& dmiddle) const override;
  std::vector<Product> constants(Recorder& r, const ops::AttentionInput& in,
                                 const Tensor& dmiddle) const override;

 private:
  Tensor added_gradient(Recorder& r, const Tensor& o, const Tensor& dmiddle, bool held) const;

  std::string name_;
  NormPlace norms_;
  LayerNorm norm1_, norm2_;
  Attention attn_;
  Mlp mlp_;
  Tensor scale1_, scale2_;  // empty where the block has none
};

}  // namespace fovea::layers
