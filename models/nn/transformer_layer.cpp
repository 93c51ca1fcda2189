#include "models/nn/transformer_layer.h"

#include "runtime/ops/nn/modulate.h"
#include "runtime/ops/train/activation_backward.h"

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

Tensor TransformerLayer::mlp(Recorder& r, const Tensor& in, const Tensor& residual) const {
  return fc2_(r, fc1_(r, in, {s_.activation, {}, {}}), {ops::Activation::none, {}, residual});
}

Tensor TransformerLayer::operator()(Recorder& r, const Tensor& x, const LayerContext& c) const {
  const auto scope = r.scope(name_);
  TextRun run{c.tap == nullptr ? 0 : c.tap->layers.size(), x, {}, {}, {}};
  Tensor y = with_norm(r, norm1_, x, [&](const Tensor& in, const Tensor& residual) {
    return c.past ? self_.step(r, in, residual, c.self, c.past, c.cache, c.tap, s_.self)
                  : self_(r, in, residual, c.self, c.cache, c.tap, s_.self);
  });
  run.self = y;
  // Rows that look at one picture together ask as several tokens of it, so that it is not copied for each.
  if (cross_) y = y.reshaped({c.kv.shape[0], y.shape[0] / c.kv.shape[0] * y.shape[1], y.shape[2]});
  if (cross_)
    y = with_norm(r, *norm_cross_, y, [&](const Tensor& in, const Tensor& residual) {
      return (*cross_)(r, in, c.kv, residual, c.cross, c.tap, s_.cross);
    });
  y = y.reshaped(x.shape);
  run.cross = y;
  run.y =
      with_norm(r, norm2_, y, [&](const Tensor& in, const Tensor& residual) { return mlp(r, in, residual); });
  if (c.tap != nullptr && !c.past) c.tap->text.push_back(run);
  return run.y;
}

// again(in, residual) is what the part made of `in`; back(in, d) goes from the gradient by that, without the
// residual, to the gradient by `in`.
template <class Again, class Back>
Tensor TransformerLayer::norm_backward(Recorder& r, const LayerNorm& norm, const Tensor& x, const Tensor& dy,
                                       const Again& again, const Back& back) const {
  if (s_.norms == NormOrder::before) return norm.backward(r, x, back(norm(r, x), dy), dy);
  const Tensor dsum = norm.backward(r, again(x, x), dy);
  return ops::modulate(r, back(x, dsum), {.residual = dsum});
}

LayerGradient TransformerLayer::backward(Recorder& r, const AttentionTap& tap, const TextRun& run,
                                         const Tensor& causal, const Tensor& dy) const {
  const auto scope = r.scope(name_);
  LayerGradient out;
  Tensor d = norm_backward(
      r, norm2_, run.cross, dy,
      [&](const Tensor& in, const Tensor& residual) { return mlp(r, in, residual); },
      [&](const Tensor& in, const Tensor& dsum) {
        return fc1_.backward(r,
                             ops::activation_backward(r, fc1_(r, in), fc2_.backward(r, dsum), s_.activation));
      });
  if (cross_) {
    const AttentionRecord& record = tap.layers.at(run.record + 1);
    const Tensor o = ops::attention(r, record.input).o;
    d = norm_backward(
        r, *norm_cross_, run.self, d,
        [&](const Tensor&, const Tensor& residual) { return cross_->project(r, o, residual); },
        [&](const Tensor&, const Tensor& dsum) {
          const TokenAttentionGradient g = cross_->backward(r, record, o, dsum);
          out.memory = g.memory;
          out.cross_relevance = g.relevance;
          return g.x;
        });
  }
  const AttentionRecord& record = tap.layers.at(run.record);
  const Tensor o = ops::attention(r, record.input).o;
  out.x = norm_backward(
      r, norm1_, run.x, d,
      [&](const Tensor&, const Tensor& residual) { return self_.project(r, o, residual); },
      [&](const Tensor&, const Tensor& dsum) {
        const TokenAttentionGradient g = self_.backward(r, record, o, causal, dsum);
        out.self_relevance = g.relevance;
        return g.x;
      });
  return out;
}

}  // namespace fovea::layers
