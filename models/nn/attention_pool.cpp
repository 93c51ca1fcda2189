#include "models/nn/attention_pool.h"

#include <cmath>

namespace fovea::layers {

AttentionPool::AttentionPool(WeightStore& store, const io::Weights& w, const BlockShape& shape)
    : heads_(shape.heads),
      kv_(store, w / "kv", 2 * shape.width, shape.width),
      proj_(store, w / "proj", shape.width, shape.width),
      norm_(store, w / "norm", shape.width, shape.epsilon),
      mlp_(store, w / "mlp", shape.width, shape.activation) {
  // The query is the same for every picture: q(latent), computed here once, in double.
  const uint32_t width = shape.width;
  const auto latent = w.take("latent", {1, 1, width}), weight = w.take("q.weight", {width, width});
  std::vector<float> query = w.take("q.bias", {width});
  for (uint32_t i = 0; i < width; ++i) {
    double sum = double{query[i]};
    for (uint32_t j = 0; j < width; ++j) sum += double{weight[size_t{i} * width + j]} * double{latent[j]};
    query[i] = static_cast<float>(sum);
  }
  query_ = store.matrix(query, {1, 1, width});
}

Tensor AttentionPool::operator()(Recorder& r, const Tensor& x) const {
  const uint32_t images = x.shape[0], tokens = x.shape[1], dim = x.shape[2], width = dim / heads_;
  const Tensor kv = kv_(r, x);  // [images, tokens, 2 * dim]
  const ops::AttentionInput in{query_,
                               kv,
                               kv,
                               {images, 1, tokens, heads_, width, 0, 0, dim, 0, dim, tokens * 2 * dim,
                                2 * dim, 1.0F / std::sqrt(static_cast<float>(width))}};
  const Tensor pooled = proj_(r, ops::attention(r, in).o);  // [images, 1, dim]
  return mlp_(r, norm_(r, pooled), pooled, {}).reshaped({images, dim});
}

}  // namespace fovea::layers
