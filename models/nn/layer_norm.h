// LayerNorm (Ba et al. 2016) over channels.
#pragma once

#include <optional>
#include <string>

#include "models/weights/weight_store.h"
#include "models/weights/weights.h"
#include "runtime/record/recorder.h"

namespace fovea::layers {

class LayerNorm {
 public:
  LayerNorm(WeightStore& store, const io::Weights& w, uint32_t width, float epsilon);
  static std::optional<LayerNorm> if_there(WeightStore& store, const io::Weights& w, uint32_t width,
                                           float epsilon);

  Tensor operator()(Recorder& r, const Tensor& x) const;
  // The gradient by x, f32, from that by the result; residual is added where there is one. held: the
  // deviation counts as a constant.
  Tensor backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& residual = {},
                  bool held = false) const;
  // Token `token` of every image: x [images, tokens, width] → [images, width].
  Tensor of_token(Recorder& r, const Tensor& x, uint32_t token) const;
  // Every head of part `part` (0 queries, 1 keys) of packed qkv [images, tokens, 3 * dim], in place.
  void on_heads(Recorder& r, const Tensor& qkv, uint32_t heads, uint32_t part) const;
  // Turns that part of dqkv, f32, from the gradient by what on_heads() made into that by the qkv it was
  // given.
  void on_heads_backward(Recorder& r, const Tensor& qkv, const Tensor& dqkv, uint32_t heads,
                         uint32_t part) const;

  const Tensor& gamma() const { return gamma_; }  // [width] f32
  const Tensor& beta() const { return beta_; }    // [width] f32
  float epsilon() const { return epsilon_; }

 private:
  std::string name_;
  Tensor gamma_, beta_;
  float epsilon_;
};

}  // namespace fovea::layers
