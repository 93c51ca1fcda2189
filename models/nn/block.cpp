#include "models/nn/block.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "runtime/ops/nn/modulate.h"

namespace fovea::layers {
namespace {

AttentionShape attention_of(const io::Weights& w, const BlockShape& s) {
  AttentionShape out{s.width, s.width, s.heads, s.epsilon};
  out.grid = s.grid;
  out.rotary = s.rotary;
  out.bias = s.bias;
  out.norm = w.has("norm.weight");
  return out;
}

Tensor layer_scale(WeightStore& store, const io::Weights& w, uint32_t number, const BlockShape& s) {
  for (const std::string& name : {fmt::format("ls{}.gamma", number), fmt::format("gamma_{}", number)}) {
    if (!w.has(name)) continue;
    if (s.norms == NormPlace::after)
      throw Error(
          ErrorKind::unsupported,
          fmt::format("[load] {} scales what a norm behind it makes: no model here does both", w.path(name)));
    return channel_vector(store, w.take(name, {s.width}));
  }
  return {};
}

Tensor sum(Recorder& r, const Tensor& a, const Tensor& b) {
  return ops::modulate(r, a, {.residual = b});
}

}  // namespace

Block::Block(WeightStore& store, const io::Weights& w, const BlockShape& shape)
    : name_(w.scope()),
      norms_(shape.norms),
      norm1_(store, w / "norm1", shape.width, shape.epsilon),
      norm2_(store, w / "norm2", shape.width, shape.epsilon),
      attn_(store, w / "attn", attention_of(w / "attn", shape)),
      mlp_(store, w / "mlp", shape.width, shape.activation,
           w.has("mlp.norm.weight") ? std::optional(shape.epsilon) : std::nullopt),
      scale1_(layer_scale(store, w, 1, shape)),
      scale2_(layer_scale(store, w, 2, shape)) {}

Tensor Block::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::after) {
    const Tensor y = sum(r, norm1_(r, attn_(r, x, {}, {}, tap)), x);  // x + LN(MSA(x))
    return sum(r, norm2_(r, mlp_(r, y, {}, {})), y);                  // y + LN(MLP(y))
  }
  const Tensor y = attn_(r, norm1_(r, x), x, scale1_, tap);  // x + MSA(LN(x))
  return mlp_(r, norm2_(r, y), y, scale2_);                  // y + MLP(LN(y))
}

Attention::Again Block::middle(Recorder& r, const Tensor& x, const ops::AttentionInput& in) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::before) return attn_.again(r, in, x, scale1_);
  const Attention::Again added = attn_.again(r, in, {}, {});
  return {added.o, sum(r, norm1_(r, added.y), x)};
}

Tensor Block::middle_gradient(Recorder& r, const Tensor& middle, const Tensor& dy) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::before)
    return norm2_.backward(r, middle, mlp_.backward(r, norm2_(r, middle), dy, scale2_), dy);
  const Tensor dadded = norm2_.backward(r, mlp_(r, middle, {}, {}), dy);
  return sum(r, mlp_.backward(r, middle, dadded, {}), dy);
}

Tensor Block::heads_gradient(Recorder& r, const ops::AttentionInput& in, const Tensor& o,
                             const Tensor& dmiddle, bool held) const {
  const auto scope = r.scope(name_);
  const bool linear = norms_ == NormPlace::before && !attn_.has_norm();
  const Tensor heads = o || linear ? o : ops::attention(r, in).o;
  if (norms_ == NormPlace::before) return attn_.heads_gradient(r, heads, dmiddle, scale1_, held);
  const Tensor dadded = norm1_.backward(r, attn_.project(r, heads, {}, {}), dmiddle, {}, held);
  return attn_.heads_gradient(r, heads, dadded, {}, held);
}

Tensor Block::input_gradient(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                             const ops::AttentionResult& forward, const Tensor& heads_gradient,
                             const Tensor& dmiddle) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::before)
    return norm1_.backward(r, x, attn_.backward(r, norm1_(r, x), in, forward, heads_gradient), dmiddle);
  return sum(r, attn_.backward(r, x, in, forward, heads_gradient), dmiddle);
}

}  // namespace fovea::layers
