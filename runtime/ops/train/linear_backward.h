// The gradient of a linear layer by its input: dx = (dy ⊙ scale) W, a linear layer of the turned weights.
#pragma once

#include "runtime/ops/common/transpose.h"
#include "runtime/ops/nn/linear.h"

namespace fovea::ops {

// dy [..., columns] f32 → [..., inputs] f32. scale: the layer scale of y = scale ⊙ (x Wᵀ + bias), empty
// without.
inline Tensor linear_backward(Recorder& r, const Tensor& dy, const LinearWeights& weights,
                              const Tensor& scale = {}) {
  const uint32_t inputs = weights.w.shape[0], packed = weights.w.shape[1];
  check(dy.dtype == DType::f32 && dy.shape.last() == weights.columns, "linear_backward", [&] {
    return fmt::format("{} {}, {} for {} columns", shape_of("dy", dy), to_string(dy.dtype),
                       shape_of("w", weights.w), weights.columns);
  });
  const Tensor turned = transpose(r, weights.w.reshaped({1, inputs, packed}),
                                  {.pad_to = (inputs + 3) / 4 * 4, .widen = true, .scale = scale});
  LinearWeights backward;
  backward.w = turned.part(0, {weights.columns, turned.shape[2]});  // without the rows that pad the columns
  backward.columns = inputs;
  return linear(r, dy, backward);
}

}  // namespace fovea::ops
