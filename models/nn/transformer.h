// The transformer block of vision transformers (Dosovitskiy et al. 2021, eqs. 2 and 3) and its parts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/nn/attention_tap.h"
#include "models/nn/basic.h"

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

  // Again what a forward pass did with queries, keys and values that it kept, for the first in.layout.queries
  // tokens, which are those of `residual`.
  struct Again {
    Tensor o, y;  // the heads' outputs [images, queries, heads * padded head], and residual + scale ⊙ proj(o)
  };
  Again again(Recorder& r, const ops::AttentionInput& in, const Tensor& residual, const Tensor& scale) const;
  // The gradient by the heads' outputs from that by y, and the one by x from that, all f32.
  Tensor heads_gradient(Recorder& r, const Tensor& dy, const Tensor& scale) const;
  Tensor backward(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                  const ops::AttentionResult& forward, const Tensor& heads_gradient) const;
  const Tensor& bias() const { return proj_.weights().bias; }

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
  // The gradient by x from that by the result, without the residual's.
  Tensor backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& scale) const;

 private:
  ops::Activation activation_;
  uint32_t hidden_, inner_;  // columns of fc1, inputs of fc2
  Linear fc1_, fc2_;
};

class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, const BlockShape& shape);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;

  // For maps. The stream between attention and MLP again, x [images, queries, width] the block's input.
  Attention::Again middle(Recorder& r, const Tensor& x, const ops::AttentionInput& in) const {
    return attn_.again(r, in, x, scale1_);
  }
  // Backwards, all gradients f32: from that by the block's output to that by the stream in the middle, by
  // the heads' outputs, and by the block's input.
  Tensor middle_gradient(Recorder& r, const Tensor& middle, const Tensor& dy) const;
  Tensor heads_gradient(Recorder& r, const Tensor& dmiddle) const {
    return attn_.heads_gradient(r, dmiddle, scale1_);
  }
  Tensor input_gradient(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                        const ops::AttentionResult& forward, const Tensor& heads_gradient,
                        const Tensor& dmiddle) const;
  // What attention adds to the stream without any head is bias ⊙ scale; either is empty where there is none.
  const Tensor& attention_bias() const { return attn_.bias(); }
  const Tensor& attention_scale() const { return scale1_; }

 private:
  LayerNorm norm1_, norm2_;
  Attention attn_;
  Mlp mlp_;
  Tensor scale1_, scale2_;  // LayerScale (Touvron et al. 2021), empty where the block has none
};

}  // namespace fovea::layers
