// Layers that bind their weights in the constructor: linear and LayerNorm.
#pragma once

#include <span>

#include "models/weights/weight_store.h"
#include "models/weights/weights.h"
#include "runtime/ops/nn/layer_norm.h"
#include "runtime/ops/nn/linear.h"

namespace fovea::layers {

class Linear {
 public:
  // weight [columns, inputs] of any trailing shape, e.g. a convolution's; bias [columns] where there is one.
  Linear(WeightStore& store, const io::Weights& w, uint32_t columns,
         std::initializer_list<uint64_t> weight_shape, float factor = 1.0F);
  Linear(WeightStore& store, const io::Weights& w, uint32_t columns, uint32_t inputs, float factor = 1.0F)
      : Linear(store, w, columns, {columns, inputs}, factor) {}
  // From numbers that something was done to: weight [columns, inputs], bias [columns] or empty.
  Linear(WeightStore& store, std::span<const float> weight, std::span<const float> bias, uint32_t columns);

  Tensor operator()(Recorder& r, const Tensor& x, const ops::LinearOptions& options = {}) const {
    return ops::linear(r, x, weights_, options);
  }

  const ops::LinearWeights& weights() const { return weights_; }

 private:
  ops::LinearWeights weights_;
};

class LayerNorm {
 public:
  LayerNorm(WeightStore& store, const io::Weights& w, uint32_t width, float epsilon);

  Tensor operator()(Recorder& r, const Tensor& x) const {
    return ops::layer_norm(r, x, gamma_, beta_, epsilon_);
  }
  // The gradient by x, f32, from that by the result; residual is added where there is one. held: mean and
  // deviation count as constants.
  Tensor backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& residual = {},
                  bool held = false) const;
  const Tensor& gamma() const { return gamma_; }  // [width] f32
  const Tensor& beta() const { return beta_; }    // [width] f32
  float epsilon() const { return epsilon_; }
  // Token `token` of every image: x [images, tokens, width] → [images, width].
  Tensor of_token(Recorder& r, const Tensor& x, uint32_t token) const;
  // Every head of part `part` (0 queries, 1 keys) of packed qkv [images, tokens, 3 * dim], in place.
  void on_heads(Recorder& r, const Tensor& qkv, uint32_t heads, uint32_t part) const;
  // Turns that part of dqkv, f32, from the gradient by what on_heads() made into that by the qkv it was
  // given.
  void on_heads_backward(Recorder& r, const Tensor& qkv, const Tensor& dqkv, uint32_t heads,
                         uint32_t part) const;

 private:
  Tensor gamma_, beta_;
  float epsilon_;
};

}  // namespace fovea::layers
