#include "models/nn/transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "runtime/ops/nn/swiglu.h"

namespace fovea::layers {
namespace {

std::optional<LayerNorm> norm_if_there(WeightStore& store, const io::Weights& w, const char* name,
                                       uint32_t width, float epsilon) {
  if (!w.has(std::string(name) + ".weight")) return std::nullopt;
  return LayerNorm(store, w / name, width, epsilon);
}

uint32_t dimension(const io::Weights& w, const char* name, size_t axis) {
  const auto shape = w.shape(name);
  if (shape.size() <= axis || shape[axis] == 0 || shape[axis] > (1U << 20))
    throw Error(ErrorKind::model, fmt::format("[load] tensor {} has an unusable shape", w.path(name)));
  return static_cast<uint32_t>(shape[axis]);
}

Tensor layer_scale(WeightStore& store, const io::Weights& w, const char* name, uint32_t width) {
  if (!w.has(name)) return {};
  return store.vector(ops::pad_to_fours(w.take(name, {width})), {(width + 3) / 4 * 4});
}

uint32_t head_width(const BlockShape& shape) {
  if (shape.heads == 0 || shape.width % shape.heads != 0)
    throw Error(ErrorKind::model,
                fmt::format("[load] width {} does not split into {} heads", shape.width, shape.heads));
  return shape.width / shape.heads;
}

uint32_t padded_head(const BlockShape& shape) {
  return (head_width(shape) + 3) / 4 * 4;
}

// Queries, keys and values, every head of each padded to a multiple of four channels.
Linear padded_qkv(WeightStore& store, const io::Weights& w, const BlockShape& shape) {
  const uint32_t head = head_width(shape), padded = padded_head(shape), rows = 3 * shape.width;
  return {store, pad_groups(w.take("weight", {rows, shape.width}), head, padded, shape.width),
          w.has("bias") ? pad_groups(w.take("bias", {rows}), head, padded, 1) : std::vector<float>(),
          3 * shape.heads * padded};
}

// Reads heads padded in the same way.
Linear padded_proj(WeightStore& store, const io::Weights& w, const BlockShape& shape) {
  return {store,
          pad_groups(w.take("weight", {shape.width, shape.width}), head_width(shape), padded_head(shape), 1),
          w.has("bias") ? w.take("bias", {shape.width}) : std::vector<float>(), shape.width};
}

}  // namespace

std::vector<float> pad_groups(std::span<const float> values, size_t width, size_t padded, size_t length) {
  const size_t groups = values.size() / (width * length);
  std::vector<float> out(groups * padded * length);
  for (size_t g = 0; g < groups; ++g)
    std::copy_n(values.data() + g * width * length, width * length, out.data() + g * padded * length);
  return out;
}

Attention::Attention(WeightStore& store, const io::Weights& w, const BlockShape& shape)
    : name_(w.scope()),
      heads_(shape.heads),
      scale_(1.0F / std::sqrt(static_cast<float>(head_width(shape)))),
      qkv_(padded_qkv(store, w / "qkv", shape)),
      proj_(padded_proj(store, w / "proj", shape)),
      q_norm_(norm_if_there(store, w, "q_norm", head_width(shape), shape.epsilon)),
      k_norm_(norm_if_there(store, w, "k_norm", head_width(shape), shape.epsilon)) {}

Tensor Attention::operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale,
                             AttentionTap* tap) const {
  const Tensor qkv = qkv_(r, x);  // [images, tokens, 3 * heads * padded head]
  if (q_norm_) q_norm_->on_heads(r, qkv, heads_, 0);
  if (k_norm_) k_norm_->on_heads(r, qkv, heads_, 1);
  auto input = ops::AttentionInput::packed(qkv, heads_);
  input.layout.scale = scale_;
  const auto [o, lse] = ops::attention(r, input);
  if (tap != nullptr) {
    AttentionRecord record;
    record.layer.name = name_;
    record.layer.heads = heads_;
    record.input = input;
    record.lse = lse;
    tap->layers.push_back(std::move(record));
  }
  return proj_(r, o, {ops::Activation::none, scale, residual});
}

Mlp::Mlp(WeightStore& store, const io::Weights& w, uint32_t width, ops::Activation activation)
    : activation_(activation),
      hidden_(dimension(w, "fc1.weight", 0)),
      inner_(dimension(w, "fc2.weight", 1)),
      fc1_(store, w / "fc1", hidden_, width),
      fc2_(store, w / "fc2", width, inner_) {
  if (hidden_ != inner_ && hidden_ != 2 * inner_)
    throw Error(ErrorKind::model,
                fmt::format("[load] {} has {} columns, fc2 reads {}: neither an MLP nor SwiGLU",
                            w.path("fc1"), hidden_, inner_));
}

Tensor Mlp::operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale) const {
  const bool gated = hidden_ != inner_;
  Tensor h = fc1_(r, x, {gated ? ops::Activation::none : activation_, {}, {}});
  if (gated) h = ops::swiglu(r, h);
  return fc2_(r, h, {ops::Activation::none, scale, residual});
}

Block::Block(WeightStore& store, const io::Weights& w, const BlockShape& shape)
    : norm1_(store, w / "norm1", shape.width, shape.epsilon),
      norm2_(store, w / "norm2", shape.width, shape.epsilon),
      attn_(store, w / "attn", shape),
      mlp_(store, w / "mlp", shape.width, shape.activation),
      scale1_(layer_scale(store, w, "ls1.gamma", shape.width)),
      scale2_(layer_scale(store, w, "ls2.gamma", shape.width)) {}

Tensor Block::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const Tensor y = attn_(r, norm1_(r, x), x, scale1_, tap);  // x + MSA(LN(x))
  return mlp_(r, norm2_(r, y), y, scale2_);                  // y + MLP(LN(y))
}

}  // namespace fovea::layers
