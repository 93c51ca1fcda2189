#include "models/nn/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fovea/error.h"
#include "models/config/text.h"
#include "runtime/ops/train/linear_backward.h"

namespace fovea::layers {
namespace {

constexpr uint64_t largest_size = 1U << 20;

std::vector<uint64_t> matrix_shape(const io::Weights& w) {
  const std::vector<uint64_t> shape = w.shape("weight");
  const bool usable = (shape.size() == 2 || (shape.size() == 4 && shape[2] == 1 && shape[3] == 1)) &&
                      std::all_of(shape.begin(), shape.end(),
                                  [](uint64_t size) { return size != 0 && size <= largest_size; });
  if (!usable)
    throw Error(ErrorKind::model,
                fmt::format("[load] tensor {} is {}, the model needs a matrix or a 1×1 convolution",
                            w.path("weight"), io::shape_text(shape)));
  return shape;
}

std::vector<float> scaled(std::vector<float> values, float factor) {
  for (float& value : values) value *= factor;
  return values;
}

LinearNumbers numbers_of(const io::Weights& w, uint32_t columns, std::span<const uint64_t> shape,
                         float factor) {
  LinearNumbers out{w.scope(), columns, 0, scaled(w.take("weight", shape), factor), {}};
  out.inputs = static_cast<uint32_t>(out.weight.size() / columns);
  if (w.has("bias")) out.bias = scaled(w.take("bias", {columns}), factor);
  return out;
}

LinearNumbers matrix_of(const io::Weights& w, uint32_t columns, uint32_t inputs, float factor) {
  std::vector<uint64_t> shape{columns, inputs};
  if (w.has("weight") && w.shape("weight").size() == 4) shape.insert(shape.end(), {1, 1});
  return numbers_of(w, columns, shape, factor);
}

}  // namespace

uint32_t linear_columns(const io::Weights& w) {
  return static_cast<uint32_t>(matrix_shape(w)[0]);
}

uint32_t linear_inputs(const io::Weights& w) {
  return static_cast<uint32_t>(matrix_shape(w)[1]);
}

LinearNumbers linear_numbers(const io::Weights& w, uint32_t columns, uint32_t inputs) {
  return matrix_of(w, columns, inputs, 1);
}

LinearNumbers stacked(std::string name, std::span<const LinearNumbers> parts) {
  LinearNumbers out{std::move(name), 0, parts.front().inputs, {}, {}};
  const bool has_bias =
      std::any_of(parts.begin(), parts.end(), [](const LinearNumbers& part) { return !part.bias.empty(); });
  for (const LinearNumbers& part : parts) {
    out.columns += part.columns;
    out.weight.insert(out.weight.end(), part.weight.begin(), part.weight.end());
    out.bias.insert(out.bias.end(), part.bias.begin(), part.bias.end());
    if (has_bias) out.bias.resize(out.columns);
  }
  return out;
}

Linear::Linear(WeightStore& store, const io::Weights& w, uint32_t columns,
               std::initializer_list<uint64_t> weight_shape, float factor)
    : Linear(store, numbers_of(w, columns, {weight_shape.begin(), weight_shape.size()}, factor)) {}

Linear::Linear(WeightStore& store, const io::Weights& w, uint32_t columns, uint32_t inputs, float factor)
    : Linear(store, matrix_of(w, columns, inputs, factor)) {}

Linear::Linear(WeightStore& store, const LinearNumbers& numbers) : name_(numbers.name) {
  const uint32_t padded = (numbers.columns + 3) / 4 * 4;
  weights_.columns = numbers.columns;
  weights_.w = store.matrix(ops::pack_linear(numbers.weight, numbers.columns, numbers.inputs),
                            {numbers.inputs, padded});
  if (!numbers.bias.empty()) weights_.bias = channel_vector(store, numbers.bias);
}

Tensor Linear::operator()(Recorder& r, const Tensor& x, const ops::LinearOptions& options) const {
  const auto scope = r.scope(name_);
  return ops::linear(r, x, weights_, options);
}

Tensor Linear::backward(Recorder& r, const Tensor& dy, const Tensor& scale) const {
  const auto scope = r.scope(name_);
  return ops::linear_backward(r, dy, weights_, scale);
}

Tensor channel_vector(WeightStore& store, std::span<const float> values) {
  return store.vector(ops::pad_to_fours(values), {(static_cast<uint32_t>(values.size()) + 3) / 4 * 4});
}

}  // namespace fovea::layers
