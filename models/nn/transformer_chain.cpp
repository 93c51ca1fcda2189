#include "models/nn/transformer_chain.h"

#include "runtime/ops/maps/class_direction.h"
#include "runtime/ops/nn/place_tokens.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea::layers {

Tensor TransformerChain::class_weights(Recorder& r, const Tensor& classes, uint32_t rank) const {
  Tensor out;
  const auto count = static_cast<uint32_t>(heads.size());
  for (uint32_t i = 0; i < count; ++i) {
    ops::ClassDirectionCase c;
    c.head = heads[i];
    c.classes = classes;
    c.rank = rank;
    const Tensor w = ops::class_direction(r, c);  // [images, width]
    const Tensor row = w.reshaped({w.shape[0], 1, w.shape[1]});
    out = count == 1 ? row : ops::place_tokens(r, row, {.tokens = count, .first = i, .base = out});
  }
  return out;
}

Tensor TransformerChain::head_gradient(Recorder& r, const Tensor& x, const Tensor& class_weights,
                                       bool held) const {
  const uint32_t images = x.shape[0], tokens = x.shape[1], width = x.shape[2];
  Tensor gradient = class_weights;
  if (fc_norm) {
    const Tensor normed = norm ? (*norm)(r, x) : x;
    const Tensor read = pooled ? ops::token_mean(r, normed, prefix_tokens).reshaped({images, 1, width})
                               : ops::leading_tokens(r, normed, rows(tokens));
    gradient = fc_norm->backward(r, read, gradient, {}, held);
  }
  if (pooled) {
    const uint32_t patches = tokens - prefix_tokens;
    gradient = ops::place_tokens(r, gradient,
                                 {.tokens = tokens,
                                  .first = prefix_tokens,
                                  .count = patches,
                                  .spread = true,
                                  .factor = 1.0F / static_cast<float>(patches)});
  }
  return norm ? norm->backward(r, ops::leading_tokens(r, x, rows(tokens)), gradient, {}, held) : gradient;
}

ChainBackward::ChainBackward(const TransformerChain& chain, std::span<const AttentionRecord> records,
                             std::span<const Tensor> stream, const Tensor& gradient)
    : chain_(chain),
      records_(records),
      stream_(stream),
      gradient_(gradient),
      layer_(static_cast<uint32_t>(chain.blocks.size())) {}

const HeadsGradient& ChainBackward::down(Recorder& r) {
  if (layer_ < chain_.blocks.size()) gradient_ = by_input(r);
  const Block& block = chain_.blocks[--layer_];
  const uint32_t rows = gradient_.shape[1];
  at_.attention = chain_.attention_of(records_[layer_], rows);
  at_.lse = records_[layer_].lse;
  const auto again = block.middle(r, ops::leading_tokens(r, stream_[layer_], rows), at_.attention);
  o_ = again.o;
  middle_ = block.middle_gradient(r, again.y, gradient_);
  at_.gradient = block.heads_gradient(r, at_.attention, o_, middle_, false);
  return at_;
}

// The head reads few tokens, so that the gradients of the others are zero in the last block, down to its
// attention.
Tensor ChainBackward::by_input(Recorder& r) const {
  const Tensor& x = stream_[layer_];
  const uint32_t rows = middle_.shape[1], tokens = x.shape[1];
  const auto whole = [&](const Tensor& t) {
    return rows == tokens ? t : ops::place_tokens(r, t, {.tokens = tokens, .count = rows});
  };
  return chain_.blocks[layer_].input_gradient(r, x, chain_.attention_of(records_[layer_], tokens),
                                              {whole(o_), at_.lse}, whole(at_.gradient), whole(middle_));
}

}  // namespace fovea::layers
