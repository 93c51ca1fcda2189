#include "models/layers/transformer_chain.h"

#include "runtime/ops/class_direction.h"
#include "runtime/ops/layer_norm_backward.h"
#include "runtime/ops/place_tokens.h"
#include "runtime/ops/token_pool.h"

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
  const auto through = [&](const LayerNorm& n, const Tensor& input, const Tensor& dy) {
    return ops::layer_norm_backward(
        r, {.x = input, .gamma = n.gamma(), .epsilon = n.epsilon(), .dy = dy, .held = held});
  };
  const uint32_t images = x.shape[0], tokens = x.shape[1], width = x.shape[2];
  Tensor gradient = class_weights;
  if (fc_norm) {
    const Tensor normed = norm ? (*norm)(r, x) : x;
    const Tensor read = pooled ? ops::token_mean(r, normed, prefix_tokens).reshaped({images, 1, width})
                               : ops::leading_tokens(r, normed, rows(tokens));
    gradient = through(*fc_norm, read, gradient);
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
  return norm ? through(*norm, ops::leading_tokens(r, x, rows(tokens)), gradient) : gradient;
}

}  // namespace fovea::layers
