#include "models/nn/conv.h"

#include <fmt/format.h>

#include <cmath>

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

ConvNumbers conv_numbers(const io::Weights& conv, const ConvShape& shape) {
  if (shape.groups == 0 || shape.inputs == 0 || shape.columns == 0 || shape.inputs % shape.groups != 0 ||
      shape.columns % shape.groups != 0)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] a convolution {} of {} inputs and {} columns does not fall into {} groups",
                    conv.path("weight"), shape.inputs, shape.columns, shape.groups));
  const ops::Window& window = shape.window;
  return {conv.scope(),
          conv.take("weight", {shape.columns, shape.inputs / shape.groups, window.rows, window.cols}),
          conv.has("bias") ? conv.take("bias", {shape.columns}) : std::vector<float>{}};
}

ConvNumbers conv_numbers(const io::Weights& conv, const io::Weights& bn, const ConvShape& shape,
                         float epsilon) {
  ConvNumbers out = conv_numbers(conv, shape);
  const Affine norm = batch_norm(bn, shape.columns, epsilon);
  const size_t row = out.weight.size() / shape.columns;
  for (size_t i = 0; i < out.weight.size(); ++i) out.weight[i] *= norm.scale[i / row];
  out.bias.resize(shape.columns);
  for (uint32_t c = 0; c < shape.columns; ++c) out.bias[c] = out.bias[c] * norm.scale[c] + norm.shift[c];
  return out;
}

Conv::Conv(WeightStore& store, const ConvNumbers& numbers, const ConvShape& shape) : name_(numbers.name) {
  const ops::Window& window = shape.window;
  const uint32_t inputs = shape.inputs / shape.groups, padded = (shape.columns + 3) / 4 * 4;
  if (numbers.weight.size() != uint64_t{shape.columns} * inputs * window.rows * window.cols)
    throw Error(ErrorKind::usage,
                fmt::format("[load] {} weights for a convolution of {} inputs, {} columns, {} groups and {}",
                            numbers.weight.size(), shape.inputs, shape.columns, shape.groups,
                            ops::to_string(window)));
  const auto packed = [&](uint32_t wanted) {
    const uint32_t depth = window.rows * window.cols * wanted;  // no more than the file's tensor, times four
    return store.matrix(ops::pack_conv(numbers.weight, shape.columns, inputs, wanted, window),
                        {depth, padded});
  };
  weights_ = {packed(inputs), {}, shape.inputs, shape.columns, shape.groups, window};
  if (!numbers.bias.empty()) weights_.bias = store.vector(ops::pad_to_fours(numbers.bias), {padded});
  if (shape.groups == 1 && inputs < 4) {
    four_inputs_ = weights_;
    four_inputs_.w = packed(4);
    four_inputs_.inputs = 4;
  }
}

Tensor Conv::operator()(Recorder& r, const Tensor& x, const ops::LinearOptions& options) const {
  const auto scope = r.scope(name_);
  return ops::conv(r, x, four_inputs_.w && x.shape.last() == 4 ? four_inputs_ : weights_, options);
}

}  // namespace fovea::layers
