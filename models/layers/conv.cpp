#include "models/layers/conv.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "fovea/error.h"

namespace fovea::layers {

Affine batch_norm(const io::Weights& bn, uint32_t channels, float epsilon) {
  const std::vector<float> gamma = bn.take("weight", {channels}), beta = bn.take("bias", {channels}),
                           mean = bn.take("running_mean", {channels}),
                           variance = bn.take("running_var", {channels});
  bn.ignore("num_batches_tracked");
  Affine out;
  for (uint32_t c = 0; c < channels; ++c) {
    // In double: the weights are rounded once, by the product.
    const double scale = double{gamma[c]} / std::sqrt(double{variance[c]} + double{epsilon});
    if (!std::isfinite(scale))
      throw Error(ErrorKind::model, fmt::format("[load] {} is {} in channel {}: no variance of a BatchNorm",
                                                bn.path("running_var"), variance[c], c));
    out.scale.push_back(static_cast<float>(scale));
    out.shift.push_back(static_cast<float>(double{beta[c]} - double{mean[c]} * scale));
  }
  return out;
}

Conv::Conv(WeightStore& store, const io::Weights& conv, const ConvShape& shape)
    : Conv(store, conv, shape, nullptr) {}

Conv::Conv(WeightStore& store, const io::Weights& conv, const io::Weights& bn, const ConvShape& shape,
           float epsilon)
    : Conv(store, conv, shape, std::make_unique<Affine>(batch_norm(bn, shape.columns, epsilon)).get()) {}

Conv::Conv(WeightStore& store, const io::Weights& conv, const ConvShape& shape, const Affine* affine) {
  const ops::Window& window = shape.window;
  if (shape.groups == 0 || shape.inputs == 0 || shape.columns == 0 || shape.inputs % shape.groups != 0 ||
      shape.columns % shape.groups != 0)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] a convolution {} of {} inputs and {} columns does not fall into {} groups",
                    conv.path("weight"), shape.inputs, shape.columns, shape.groups));
  const uint32_t inputs = shape.inputs / shape.groups, padded = (shape.columns + 3) / 4 * 4;
  std::vector<float> weight = conv.take("weight", {shape.columns, inputs, window.rows, window.cols});
  std::vector<float> bias = conv.has("bias") ? conv.take("bias", {shape.columns}) : std::vector<float>{};
  if (affine != nullptr) {
    const size_t row = weight.size() / shape.columns;
    for (size_t i = 0; i < weight.size(); ++i) weight[i] *= affine->scale[i / row];
    bias.resize(shape.columns);
    for (uint32_t c = 0; c < shape.columns; ++c) bias[c] = bias[c] * affine->scale[c] + affine->shift[c];
  }

  const auto packed = [&](uint32_t wanted) {
    const uint32_t depth = window.rows * window.cols * wanted;  // no more than the file's tensor, times four
    return store.matrix(ops::pack_conv(weight, shape.columns, inputs, wanted, window), {depth, padded});
  };
  weights_ = {packed(inputs), {}, shape.inputs, shape.columns, shape.groups, window};
  if (!bias.empty()) weights_.bias = store.vector(ops::pad_to_fours(bias), {padded});
  if (shape.groups == 1 && inputs < 4) {
    four_inputs_ = weights_;
    four_inputs_.w = packed(4);
    four_inputs_.inputs = 4;
  }
}

Tensor Conv::operator()(Recorder& r, const Tensor& x, const ops::LinearOptions& options) const {
  return ops::conv(r, x, four_inputs_.w && x.shape.last() == 4 ? four_inputs_ : weights_, options);
}

}  // namespace fovea::layers
