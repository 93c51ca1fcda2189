// Transformer blocks run again and backwards, for maps that explain a class.
#include "models/layers/transformer.h"
#include "runtime/ops/linear_backward.h"

namespace fovea::layers {

Attention::Again Attention::again(Recorder& r, const ops::AttentionInput& in, const Tensor& residual,
                                  const Tensor& scale) const {
  const Tensor o = ops::attention(r, in).o;
  return {o, proj_(r, o, {ops::Activation::none, scale, residual})};
}

Tensor Attention::heads_gradient(Recorder& r, const Tensor& dy, const Tensor& scale) const {
  return ops::linear_backward(r, dy, proj_.weights(), scale);
}

}  // namespace fovea::layers
