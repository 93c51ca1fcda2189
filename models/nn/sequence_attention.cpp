#include "models/nn/sequence_attention.h"

#include <cmath>

#include "runtime/ops/sequence/elementwise.h"
#include "runtime/ops/sequence/scores_backward.h"

namespace fovea::layers {

SequenceAttention::SequenceAttention(WeightStore& store, const io::Weights& w,
                                     const SequenceAttentionShape& shape)
    : name_(w.scope()), kind_(shape.kind) {
  switch (shape.kind) {
    case ScoreKind::dot:
      return;
    case ScoreKind::scaled_dot:
      scale_ = 1 / std::sqrt(static_cast<float>(shape.query_size));
      return;
    case ScoreKind::general:
      key_.emplace(store, w / "key_layer", shape.query_size, shape.key_size);
      return;
    case ScoreKind::additive:
      query_.emplace(store, w / "query_layer", shape.attention_size, shape.query_size);
      key_.emplace(store, w / "key_layer", shape.attention_size, shape.key_size);
      energy_ = channel_vector(store, (w / "energy").take("weight", {1, shape.attention_size}))
                    .part(0, {shape.attention_size});
  }
}

Tensor SequenceAttention::prepared_keys(Recorder& r, const Tensor& keys) const {
  return key_ ? (*key_)(r, keys) : keys;
}

Tensor SequenceAttention::prepared_queries(Recorder& r, const Tensor& queries) const {
  return query_ ? (*query_)(r, queries) : queries;
}

SequenceAttention::Result SequenceAttention::operator()(Recorder& r, const Tensor& queries,
                                                        const Tensor& keys, const Tensor& values,
                                                        const ops::KeyChoice& choice) const {
  const auto scope = r.scope(name_);
  Result out;
  out.scores = ops::query_scores(r, queries, keys, scale_, energy_);
  out.weights = ops::score_weights(r, out.scores, choice);
  out.context = ops::weighted_sum(r, out.weights, values);
  return out;
}

SequenceAttention::QueryGradient SequenceAttention::queries_backward(Recorder& r, const Tensor& queries,
                                                                     const Tensor& keys,
                                                                     const Tensor& dscores) const {
  const auto scope = r.scope(name_);
  const Tensor wide_keys = ops::widened(r, keys);
  if (!energy_) return {ops::weighted_sum(r, dscores, wide_keys, scale_), {}};
  const auto gradient =
      ops::additive_queries_backward(r, ops::widened(r, queries), wide_keys, energy_, dscores);
  return {gradient.d, gradient.denergy};
}

Tensor SequenceAttention::keys_backward(Recorder& r, const Tensor& queries, const Tensor& keys,
                                        const Tensor& dscores) const {
  const auto scope = r.scope(name_);
  const Tensor wide_queries = ops::widened(r, queries);
  if (!energy_) return ops::weighted_sum(r, dscores, wide_queries, scale_, true);
  return ops::additive_keys_backward(r, wide_queries, ops::widened(r, keys), energy_, dscores);
}

Tensor SequenceAttention::unprepared_queries(Recorder& r, const Tensor& queries, const Tensor& dprepared,
                                             Gradients& gradients) const {
  if (query_) add_linear(r, gradients, *query_, queries, dprepared);
  return query_gradient(r, dprepared);
}

Tensor SequenceAttention::query_gradient(Recorder& r, const Tensor& dprepared) const {
  return query_ ? query_->backward(r, dprepared) : dprepared;
}

Tensor SequenceAttention::unprepared_keys(Recorder& r, const Tensor& keys, const Tensor& dprepared,
                                          Gradients& gradients) const {
  if (!key_) return dprepared;
  add_linear(r, gradients, *key_, keys, dprepared);
  return key_->backward(r, dprepared);
}

void SequenceAttention::add_energy(Recorder& r, const Tensor& denergy, Gradients& gradients) const {
  if (!energy_) return;
  const auto scope = r.scope(name_);
  // Sums over queries are what a bias gets.
  const ops::LinearGradient sums = ops::weight_gradient(r, {denergy, 0, 1}, ops::Columns::all(denergy));
  gradients[(name_.empty() ? "" : name_ + ".") + "energy.weight"] =
      sums.bias.reshaped({1, sums.bias.shape[0]});
}

}  // namespace fovea::layers
