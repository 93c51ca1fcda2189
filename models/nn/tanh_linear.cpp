#include "models/nn/tanh_linear.h"

#include <vector>

#include "runtime/ops/nn/modulate.h"

namespace fovea::layers {
namespace {

Tensor filled(WeightStore& store, uint32_t columns, float value) {
  const uint32_t fours = (columns + 3) / 4 * 4;
  return store.vector(std::vector<float>(fours, value), {fours});
}

}  // namespace

TanhLinear::TanhLinear(WeightStore& store, const io::Weights& w, uint32_t columns, uint32_t inputs)
    : linear_(store, w, columns, inputs, 2.0F),
      two_(filled(store, columns, 2)),
      minus_one_(filled(store, columns, -1)) {}

Tensor TanhLinear::operator()(Recorder& r, const Tensor& x) const {
  const Tensor sigmoid = linear_(r, x, {ops::Activation::sigmoid, {}, {}, {}});
  const Shape cell{x.shape[0], 1, 1, sigmoid.shape[1]};
  return ops::modulate(r, sigmoid.reshaped(cell), {.scale = two_, .shift = minus_one_})
      .reshaped(sigmoid.shape);
}

}  // namespace fovea::layers
