#include "models/nn/attention_pool.h"

namespace fovea::layers {

AttentionPool::AttentionPool(WeightStore& store, const io::Weights& w, const BlockShape& shape,
                             uint32_t skipped)
    : name_(w.scope()),
      heads_(Heads::of(w, shape.width, shape.heads)),
      grid_(shape.grid),
      skipped_(skipped),
      kv_(store, padded_rows(linear_numbers(w / "kv", 2 * shape.width, shape.width), heads_)),
      proj_(store, padded_inputs(linear_numbers(w / "proj", shape.width, shape.width), heads_)),
      norm_(store, w / "norm", shape.width, shape.epsilon),
      mlp_(store, w / "mlp", shape.width, shape.activation) {
  grid_.prefix_tokens -= skipped;
  grid_.has_cls = grid_.has_cls && skipped == 0;
  // The query is the same for every picture: q(latent), computed here once, in double.
  const uint32_t width = shape.width;
  const auto latent = w.take("latent", {1, 1, width}), weight = w.take("q.weight", {width, width});
  std::vector<float> query = w.take("q.bias", {width});
  for (uint32_t i = 0; i < width; ++i) {
    double sum = double{query[i]};
    for (uint32_t j = 0; j < width; ++j) sum += double{weight[size_t{i} * width + j]} * double{latent[j]};
    query[i] = static_cast<float>(sum);
  }
  query_ = store.matrix(padded_heads(query, heads_, 1), {1, 1, heads_.padded_channels()});
}

Tensor AttentionPool::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const auto scope = r.scope(name_);
  const uint32_t images = x.shape[0], tokens = x.shape[1], dim = heads_.padded_channels();
  const Tensor kv = kv_(r, x);  // [images, tokens, 2 * dim]
  const ops::AttentionInput in{query_,
                               kv,
                               kv,
                               {.images = images,
                                .queries = 1,
                                .keys = tokens - skipped_,
                                .heads = heads_.count,
                                .width = heads_.padded(),
                                .q_first = 0,
                                .q_image = 0,
                                .q_token = dim,
                                .k_first = skipped_ * 2 * dim,
                                .v_first = skipped_ * 2 * dim + dim,
                                .kv_image = tokens * 2 * dim,
                                .kv_token = 2 * dim,
                                .scale = heads_.scale()}};
  const auto [o, lse] = ops::attention(r, in);
  if (tap != nullptr) {
    tap->layers.push_back(softmax_record(name_, grid_, in, lse));
    tap->layers.back().layer.kind = AttentionKind::attention_pool;
  }
  const Tensor pooled = proj_(r, o);  // [images, 1, width]
  return mlp_(r, norm_(r, pooled), pooled, {}).reshaped({images, pooled.shape[2]});
}

}  // namespace fovea::layers
