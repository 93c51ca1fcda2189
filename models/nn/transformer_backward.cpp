// Transformer blocks run again and backwards, for maps that explain a class.
#include "models/nn/transformer.h"
#include "runtime/ops/train/activation_backward.h"
#include "runtime/ops/train/attention_backward.h"
#include "runtime/ops/train/linear_backward.h"

namespace fovea::layers {

Attention::Again Attention::again(Recorder& r, const ops::AttentionInput& in, const Tensor& residual,
                                  const Tensor& scale) const {
  const Tensor o = ops::attention(r, in).o;
  return {o, proj_(r, o, {ops::Activation::none, scale, residual})};
}

Tensor Attention::heads_gradient(Recorder& r, const Tensor& dy, const Tensor& scale) const {
  return ops::linear_backward(r, dy, proj_.weights(), scale);
}

Tensor Attention::backward(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                           const ops::AttentionResult& forward, const Tensor& heads_gradient) const {
  const Tensor dqkv = ops::attention_backward(r, in, forward, heads_gradient);
  if (q_norm_ || k_norm_) {  // was normalised in place: make what it was again
    const Tensor qkv = qkv_(r, x);
    if (q_norm_) q_norm_->on_heads_backward(r, qkv, dqkv, heads_, 0);
    if (k_norm_) k_norm_->on_heads_backward(r, qkv, dqkv, heads_, 1);
  }
  return ops::linear_backward(r, dqkv, qkv_.weights());
}

Tensor Mlp::backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& scale) const {
  const bool gated = hidden_ != inner_;
  const Tensor dinner = ops::linear_backward(r, dy, fc2_.weights(), scale);
  const Tensor dhidden =
      ops::activation_backward(r, fc1_(r, x), dinner, gated ? ops::Activation::silu : activation_);
  return ops::linear_backward(r, dhidden, fc1_.weights());
}

Tensor Block::middle_gradient(Recorder& r, const Tensor& middle, const Tensor& dy) const {
  return norm2_.backward(r, middle, mlp_.backward(r, norm2_(r, middle), dy, scale2_), dy);
}

Tensor Block::input_gradient(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                             const ops::AttentionResult& forward, const Tensor& heads_gradient,
                             const Tensor& dmiddle) const {
  return norm1_.backward(r, x, attn_.backward(r, norm1_(r, x), in, forward, heads_gradient), dmiddle);
}

}  // namespace fovea::layers
