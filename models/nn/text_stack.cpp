#include "models/nn/text_stack.h"

#include <fmt/format.h>

#include <algorithm>

#include "fovea/error.h"
#include "runtime/ops/nn/modulate.h"

namespace fovea::layers {

TextStack::TextStack(WeightStore& store, const io::Weights& w, const TextStackShape& shape)
    : name_(w.scope()),
      table_(w.take("tokens.weight", {shape.vocabulary, shape.layer.attention.width})),
      vocabulary_(shape.vocabulary),
      width_(shape.layer.attention.width),
      first_(shape.first_position),
      uncounted_(shape.uncounted),
      scale_(shape.embedding_scale) {
  const uint32_t width = width_;
  const auto most = static_cast<uint32_t>(store.largest() / element_bytes(store.storage()) / width);
  for (uint32_t first = 0; first < vocabulary_; first += most) {
    const uint32_t rows = std::min(most, vocabulary_ - first);
    tokens_.push_back(
        store.matrix(std::span(table_).subspan(size_t{first} * width, size_t{rows} * width), {rows, width}));
  }
  positions_ = store.vector(shape.positions, {static_cast<uint32_t>(shape.positions.size() / width), width});
  norm_embed_ = LayerNorm::if_there(store, w / "norm_embed", width, shape.layer.epsilon);
  norm_ = LayerNorm::if_there(store, w / "norm", width, shape.layer.epsilon);
  for (uint32_t i = 0; i < shape.depth; ++i) {
    TransformerLayerShape layer = shape.layer;
    if (!shape.logit_scales.empty()) layer.attention.scale = shape.logit_scales.at(i);
    layers_.emplace_back(store, w / "layers" / i, layer);
  }
}

uint32_t TextStack::longest() const {
  return positions_.shape[0] - first_ - (uncounted_ ? 1 : 0);
}

std::vector<Tensor> TextStack::keys_and_values(Recorder& r, const Tensor& memory) const {
  std::vector<Tensor> out;
  for (const TransformerLayer& layer : layers_)
    if (layer.has_cross()) out.push_back(layer.cross().keys_and_values(r, memory));
  return out;
}

Tensor TextStack::operator()(Recorder& r, const TextPass& pass) const {
  if (pass.ids.shape[1] > longest())
    throw Error(ErrorKind::usage, fmt::format("[{}] a text of {} tokens, the model has positions for {}",
                                              name_, pass.ids.shape[1], longest()));
  Tensor x;
  {
    const auto scope = r.scope(name_);
    ops::TextPositions positions{positions_, first_, uncounted_.has_value(), uncounted_.value_or(0),
                                 pass.past};
    x = ops::embed_text(r, pass.ids, tokens_, scale_, positions);
    if (norm_embed_) x = (*norm_embed_)(r, x);
  }
  for (size_t i = 0; i < layers_.size(); ++i) {
    LayerContext context{pass.self, pass.cross, {}, pass.past, {}, pass.tap};
    if (!pass.caches.empty()) context.cache = pass.caches[i];
    if (layers_[i].has_cross()) context.kv = pass.kv[i];
    x = layers_[i](r, x, context);
  }
  return norm_ ? (*norm_)(r, x) : x;
}

TextGradient TextStack::backward(Recorder& r, const AttentionTap& tap, const Tensor& causal,
                                 const Tensor& dy) const {
  TextGradient out;
  out.layers.resize(layers_.size());
  const size_t first = tap.text.size() - layers_.size();
  Tensor d = norm_ ? norm_->backward(r, tap.text.back().y, dy) : dy;
  for (size_t i = layers_.size(); i-- > 0;) {
    out.layers[i] = layers_[i].backward(r, tap, tap.text[first + i], causal, d);
    d = out.layers[i].x;
    if (const Tensor& memory = out.layers[i].memory)
      out.memory = out.memory ? ops::modulate(r, memory, {.residual = out.memory}) : memory;
  }
  return out;
}

bool TextStack::one_norm() const {
  return norm_ && layers_.front().norms() == NormOrder::before;
}

Tensor TextStack::evidence(Recorder& r, const AttentionTap& tap, const Tensor& dy) const {
  const size_t first = tap.text.size() - layers_.size();
  const Tensor direction = norm_->backward(r, tap.text.back().y, dy, {}, /*held=*/true);
  Tensor out;
  for (size_t i = 0; i < layers_.size(); ++i)
    out = layers_[i].cross().evidence(r, tap.layers.at(tap.text[first + i].record + 1), direction, out);
  return out;
}

}  // namespace fovea::layers
