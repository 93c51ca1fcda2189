#include "models/nn/basic.h"

#include <vector>

#include "runtime/ops/train/layer_norm_backward.h"

namespace fovea::layers {

namespace {

std::vector<float> scaled(std::vector<float> values, float factor) {
  for (float& value : values) value *= factor;
  return values;
}

}  // namespace

Linear::Linear(WeightStore& store, const io::Weights& w, uint32_t columns,
               std::initializer_list<uint64_t> weight_shape, float factor)
    : Linear(store, scaled(w.take("weight", weight_shape), factor),
             w.has("bias") ? scaled(w.take("bias", {columns}), factor) : std::vector<float>(), columns) {}

Linear::Linear(WeightStore& store, std::span<const float> weight, std::span<const float> bias,
               uint32_t columns) {
  const auto inputs = static_cast<uint32_t>(weight.size() / columns);
  const uint32_t padded = (columns + 3) / 4 * 4;
  weights_.columns = columns;
  weights_.w = store.matrix(ops::pack_linear(weight, columns, inputs), {inputs, padded});
  if (!bias.empty()) weights_.bias = store.vector(ops::pad_to_fours(bias), {padded});
}

LayerNorm::LayerNorm(WeightStore& store, const io::Weights& w, uint32_t width, float epsilon)
    : gamma_(store.vector(w.take("weight", {width}), {width})),
      beta_(store.vector(w.has("bias") ? w.take("bias", {width}) : std::vector<float>(width), {width})),
      epsilon_(epsilon) {}

Tensor LayerNorm::of_token(Recorder& r, const Tensor& x, uint32_t token) const {
  const uint32_t images = x.shape[0], tokens = x.shape[1], width = x.shape[2];
  const Tensor y = r.temporary({images, width}, x.dtype, "norm of a token");
  ops::layer_norm_rows(r, x, gamma_, beta_, epsilon_, y, images, 1, {tokens * width, 0, token * width},
                       {width, 0, 0});
  return y;
}

Tensor LayerNorm::backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& residual,
                           bool held) const {
  return ops::layer_norm_backward(r, {x, gamma_, epsilon_, dy, residual, held});
}

namespace {

ops::RowLayout heads_of_tokens(const Tensor& qkv, uint32_t heads, uint32_t part) {
  const uint32_t row = qkv.shape[2], dim = row / 3;
  return {row, dim / heads, part * dim};
}

}  // namespace

void LayerNorm::on_heads(Recorder& r, const Tensor& qkv, uint32_t heads, uint32_t part) const {
  const auto layout = heads_of_tokens(qkv, heads, part);
  ops::layer_norm_rows(r, qkv, gamma_, beta_, epsilon_, qkv, qkv.shape[0] * qkv.shape[1] * heads, heads,
                       layout, layout);
}

void LayerNorm::on_heads_backward(Recorder& r, const Tensor& qkv, const Tensor& dqkv, uint32_t heads,
                                  uint32_t part) const {
  const auto layout = heads_of_tokens(qkv, heads, part);
  ops::layer_norm_backward_rows(r, {qkv, gamma_, epsilon_, dqkv}, dqkv, qkv.shape[0] * qkv.shape[1] * heads,
                                heads, layout, layout);
}

}  // namespace fovea::layers
