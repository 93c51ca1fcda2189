// The MLP of a transformer block, plain or gated.
#pragma once

#include <optional>
#include <string>

#include "models/nn/layer_norm.h"
#include "models/nn/linear.h"

namespace fovea::layers {

// fc2(act(fc1(x))), or fc2(silu(a) ⊙ b) where fc1 is twice as wide as fc2 reads, [a, b] = fc1(x), or is two
// layers, a = fc1_g(x) and b = fc1_x(x) (SwiGLU, Shazeer 2020).
class Mlp {
 public:
  // norm: the epsilon of w / "norm" between the two layers, where there is one (EVA-02).
  Mlp(WeightStore& store, const io::Weights& w, uint32_t width, ops::Activation activation,
      std::optional<float> norm = {});

  // residual + scale ⊙ MLP(x); either may be empty.
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale) const;
  // The gradient by x, f32, from that by scale ⊙ MLP(x).
  Tensor backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& scale) const;

 private:
  bool gated() const { return fc1_.weights().columns != inner_; }

  std::string name_;
  ops::Activation activation_;
  uint32_t inner_;  // inputs of fc2
  Linear fc1_, fc2_;
  std::optional<LayerNorm> norm_;
};

}  // namespace fovea::layers
