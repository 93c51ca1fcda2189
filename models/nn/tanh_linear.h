// A linear layer and tanh: what heads that pool in two steps begin with.
#pragma once

#include "models/nn/linear.h"

namespace fovea::layers {

// tanh(a) = 2 σ(2 a) − 1, the inner factor in the weights.
class TanhLinear {
 public:
  TanhLinear(WeightStore& store, const io::Weights& w, uint32_t columns, uint32_t inputs);
  // x [images, inputs] → [images, columns]
  Tensor operator()(Recorder& r, const Tensor& x) const;

 private:
  Linear linear_;
  Tensor two_, minus_one_;  // [columns rounded up to fours]
};

}  // namespace fovea::layers
