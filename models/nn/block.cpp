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
  Tensor y, z;
  if (norms_ == NormPlace::before) {
    y = attn_(r, norm1_(r, x), x, scale1_, tap);  // x + MSA(LN(x))
    z = mlp_(r, norm2_(r, y), y, scale2_);        // y + MLP(LN(y))
  } else {
    y = sum(r, norm1_(r, attn_(r, x, {}, {}, tap)), x);  // x + LN(MSA(x))
    z = sum(r, norm2_(r, mlp_(r, y, {}, {})), y);        // y + LN(MLP(y))
  }
  if (tap != nullptr) tap->steps.push_back({this, tap->layers.size() - 1, x, z});
  return z;
}

Step::Middle Block::middle(Recorder& r, const Tensor& x, const ops::AttentionInput& in) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::before) return attn_.again(r, in, x, scale1_);
  const Middle added = attn_.again(r, in, {}, {});
  return {added.o, sum(r, norm1_(r, added.y), x)};
}

Tensor Block::middle_gradient(Recorder& r, const Tensor& middle, const Tensor& dy) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::before)
    return norm2_.backward(r, middle, mlp_.backward(r, norm2_(r, middle), dy, scale2_), dy);
  const Tensor dadded = norm2_.backward(r, mlp_(r, middle, {}, {}), dy);
  return sum(r, mlp_.backward(r, middle, dadded, {}), dy);
}

// By what attention adds in front of norm1, where that comes behind it.
Tensor Block::added_gradient(Recorder& r, const Tensor& o, const Tensor& dmiddle, bool held) const {
  if (norms_ == NormPlace::before) return dmiddle;
  return norm1_.backward(r, attn_.project(r, o, {}, {}), dmiddle, {}, held);
}

Tensor Block::heads_gradient(Recorder& r, const ops::AttentionInput& in, const Tensor& o,
                             const Tensor& dmiddle, bool held) const {
  const auto scope = r.scope(name_);
  const bool needed = norms_ == NormPlace::after || attn_.has_norm();
  const Tensor heads = o || !needed ? o : ops::attention(r, in).o;
  return attn_.heads_gradient(r, heads, added_gradient(r, heads, dmiddle, held), scale1_, held);
}

Tensor Block::input_gradient(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                             const ops::AttentionResult& forward, const Tensor& heads_gradient,
                             const Tensor& dmiddle) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::before)
    return norm1_.backward(r, x, attn_.backward(r, norm1_(r, x), in, forward, heads_gradient), dmiddle);
  return sum(r, attn_.backward(r, x, in, forward, heads_gradient), dmiddle);
}

std::vector<Step::Product> Block::constants(Recorder& r, const ops::AttentionInput& in,
                                            const Tensor& dmiddle) const {
  const auto scope = r.scope(name_);
  if (norms_ == NormPlace::before) return attn_.constants(r, dmiddle, scale1_);
  const Tensor dadded = added_gradient(r, ops::attention(r, in).o, dmiddle, /*held=*/true);
  std::vector<Product> out = attn_.constants(r, dadded, {});
  out.push_back({dmiddle, norm1_.beta(), {}});
  return out;
}

}  // namespace fovea::layers
