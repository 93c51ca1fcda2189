#include "models/nn/transformer_layer.h"

namespace fovea::layers {

TransformerLayer::TransformerLayer(WeightStore& store, const io::Weights& w,
                                   const TransformerLayerShape& shape)
    : name_(w.scope()),
      s_(shape),
      self_(store, w / "self_attn", shape.attention),
      norm1_(store, w / "norm1", shape.attention.width, shape.epsilon),
      norm2_(store, w / "norm2", shape.attention.width, shape.epsilon),
      fc1_(store, linear_numbers(w / "fc1", shape.hidden, shape.attention.width, shape.attention.order)),
      fc2_(store, linear_numbers(w / "fc2", shape.attention.width, shape.hidden, shape.attention.order)) {
  if (shape.attention.memory_width == 0) return;
  cross_.emplace(store, w / "cross_attn", shape.attention);
  norm_cross_.emplace(store, w / "norm_cross", shape.attention.width, shape.epsilon);
}

// part(in, residual) gives residual + what it makes of `in`.
template <class Part>
Tensor TransformerLayer::with_norm(Recorder& r, const LayerNorm& norm, const Tensor& x,
                                   const Part& part) const {
  return s_.norms == NormOrder::before ? part(norm(r, x), x) : norm(r, part(x, x));
}

Tensor TransformerLayer::operator()(Recorder& r, const Tensor& x, const LayerContext& c) const {
  const auto scope = r.scope(name_);
  Tensor y = with_norm(r, norm1_, x, [&](const Tensor& in, const Tensor& residual) {
    return c.past ? self_.step(r, in, residual, c.self, c.past, c.cache, c.tap, s_.self)
                  : self_(r, in, residual, c.self, c.cache, c.tap, s_.self);
  });
  // Rows that look at one picture together ask as several tokens of it, so that it is not copied for each.
  if (cross_) y = y.reshaped({c.kv.shape[0], y.shape[0] / c.kv.shape[0] * y.shape[1], y.shape[2]});
  if (cross_)
    y = with_norm(r, *norm_cross_, y, [&](const Tensor& in, const Tensor& residual) {
      return (*cross_)(r, in, c.kv, residual, c.cross, c.tap, s_.cross);
    });
  y = y.reshaped(x.shape);
  return with_norm(r, norm2_, y, [&](const Tensor& in, const Tensor& residual) {
    return fc2_(r, fc1_(r, in, {s_.activation, {}, {}}), {ops::Activation::none, {}, residual});
  });
}

}  // namespace fovea::layers
