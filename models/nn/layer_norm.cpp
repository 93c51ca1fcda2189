#include "models/nn/layer_norm.h"

#include <vector>

#include "runtime/ops/nn/layer_norm.h"
#include "runtime/ops/train/layer_norm_backward.h"

namespace fovea::layers {
namespace {

ops::RowLayout heads_of_tokens(const Tensor& qkv, uint32_t heads, uint32_t part) {
  const uint32_t row = qkv.shape[2], dim = row / 3;
  return {row, dim / heads, part * dim};
}

}  // namespace

LayerNorm::LayerNorm(WeightStore& store, const io::Weights& w, uint32_t width, float epsilon)
    : name_(w.scope()),
      gamma_(store.vector(w.take("weight", {width}), {width})),
      beta_(store.vector(w.has("bias") ? w.take("bias", {width}) : std::vector<float>(width), {width})),
      epsilon_(epsilon) {}

std::optional<LayerNorm> LayerNorm::if_there(WeightStore& store, const io::Weights& w, uint32_t width,
                                             float epsilon) {
  if (!w.has("weight")) return std::nullopt;
  return LayerNorm(store, w, width, epsilon);
}

Tensor LayerNorm::operator()(Recorder& r, const Tensor& x) const {
  const auto scope = r.scope(name_);
  return ops::layer_norm(r, x, gamma_, beta_, epsilon_);
}

Tensor LayerNorm::backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& residual,
                           bool held) const {
  const auto scope = r.scope(name_);
  return ops::layer_norm_backward(r, {x, gamma_, epsilon_, dy, residual, held});
}

Tensor LayerNorm::of_token(Recorder& r, const Tensor& x, uint32_t token) const {
  const auto scope = r.scope(name_);
  const uint32_t images = x.shape[0], tokens = x.shape[1], width = x.shape[2];
  const Tensor y = r.temporary({images, width}, x.dtype, "norm of a token");
  ops::layer_norm_rows(r, x, gamma_, beta_, epsilon_, y, images, 1, {tokens * width, 0, token * width},
                       {width, 0, 0});
  return y;
}

void LayerNorm::on_heads(Recorder& r, const Tensor& qkv, uint32_t heads, uint32_t part) const {
  const auto scope = r.scope(name_);
  const auto layout = heads_of_tokens(qkv, heads, part);
  ops::layer_norm_rows(r, qkv, gamma_, beta_, epsilon_, qkv, qkv.shape[0] * qkv.shape[1] * heads, heads,
                       layout, layout);
}

void LayerNorm::on_heads_backward(Recorder& r, const Tensor& qkv, const Tensor& dqkv, uint32_t heads,
                                  uint32_t part) const {
  const auto scope = r.scope(name_);
  const auto layout = heads_of_tokens(qkv, heads, part);
  ops::layer_norm_backward_rows(r, {qkv, gamma_, epsilon_, dqkv}, dqkv, qkv.shape[0] * qkv.shape[1] * heads,
                                heads, layout, layout);
}

}  // namespace fovea::layers
