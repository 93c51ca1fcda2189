// Sums over all elements.
#pragma once

#include "runtime/ops/sequence/elementwise.h"
#include "runtime/ops/train/weight_gradient.h"

namespace fovea::ops {

// Σ a ⊙ b of two tensors of as many elements → [1] f32.
inline Tensor inner_product(Recorder& r, const Tensor& a, const Tensor& b) {
  check(a.shape.elements() == b.shape.elements() && a.shape.elements() <= UINT32_MAX, "inner_product",
        [&] { return fmt::format("{}, {}", shape_of("a", a), shape_of("b", b)); });
  const Shape column{static_cast<uint32_t>(a.shape.elements()), 1};
  const Tensor x = widened(r, a).reshaped(column), y = widened(r, b).reshaped(column);
  return weight_gradient(r, Columns::all(x), Columns::all(y)).weight.reshaped({1});
}

// The sum of all elements, f32 → [1].
inline Tensor total(Recorder& r, const Tensor& x) {
  const Tensor column = x.reshaped({static_cast<uint32_t>(x.shape.elements()), 1});
  return weight_gradient(r, Columns::all(column), Columns::all(column)).bias;
}

}  // namespace fovea::ops
