#include "models/nn/class_head.h"

#include <fmt/format.h>

#include <utility>

#include "fovea/error.h"
#include "runtime/ops/maps/class_direction.h"
#include "runtime/ops/nn/place_tokens.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea::layers {

ClassHead::ClassHead(const Reading& reading, Parts parts) : reading_(reading), parts_(std::move(parts)) {
  const size_t read = parts_.pool ? 1 : reading.tokens + (reading.mean ? 1 : 0);
  if (parts_.linears.empty() ? read == 0 : read != parts_.linears.size())
    throw Error(ErrorKind::usage, fmt::format("[head] {} linear layers for {} parts that are read",
                                              parts_.linears.size(), read));
  if (!parts_.pool && !parts_.norm && reading.tokens > 1)
    throw Error(ErrorKind::usage,
                fmt::format("[head] {} tokens are read, which needs a norm in front", reading.tokens));
}

Tensor ClassHead::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  if (tap != nullptr) report(x, *tap);
  const auto part = [&](uint32_t i) {
    const Tensor pooled = read(r, x, i, tap);
    return parts_.fc_norm ? (*parts_.fc_norm)(r, pooled) : pooled;
  };
  if (parts_.linears.empty()) return part(0);
  Tensor answer;
  for (uint32_t i = 0; i < parts_.linears.size(); ++i)
    answer = parts_.linears[i](r, part(i), {ops::Activation::none, {}, answer});
  return answer;
}

Tensor ClassHead::read(Recorder& r, const Tensor& x, uint32_t part, AttentionTap* tap) const {
  if (parts_.pool) return (*parts_.pool)(r, normed(r, x), tap);
  if (part >= reading_.tokens) return ops::token_mean(r, normed(r, x), reading_.grid.prefix_tokens);
  if (parts_.norm) return parts_.norm->of_token(r, x, part);
  return ops::leading_tokens(r, x, 1).reshaped({x.shape[0], x.shape[2]});
}

void ClassHead::report(const Tensor& x, AttentionTap& tap) const {
  const auto& [norm, fc_norm, pool, linears] = parts_;
  if (norm) tap.final_norm = {norm->gamma(), norm->beta(), norm->epsilon()};
  if (linears.empty() || pool) return;
  tap.answer = {this, x};
  if (reading_.tokens != 0 || has_two_norms()) return;
  tap.head.features = x;
  tap.head.rows = reading_.grid.rows;
  tap.head.cols = reading_.grid.cols;
  tap.head.prefix_tokens = reading_.grid.prefix_tokens;
  tap.head.head = linears.front().weights();
  if (const LayerNorm* only = one_norm()) {
    tap.head.norm = norm ? PooledHead::Norm::before_pooling : PooledHead::Norm::after_pooling;
    tap.head.gamma = only->gamma();
    tap.head.epsilon = only->epsilon();
  }
}

const LayerNorm* ClassHead::one_norm() const {
  if (parts_.norm) return &*parts_.norm;
  return parts_.fc_norm ? &*parts_.fc_norm : nullptr;
}

std::vector<Tensor> ClassHead::class_weights(Recorder& r, const Tensor& classes, uint32_t rank) const {
  std::vector<Tensor> out;
  for (const Linear& linear : parts_.linears) {
    ops::ClassDirectionCase c;
    c.head = linear.weights();
    c.classes = classes;
    c.rank = rank;
    const Tensor w = ops::class_direction(r, c);  // [images, width]
    out.push_back(w.reshaped({w.shape[0], 1, w.shape[1]}));
  }
  return out;
}

Tensor ClassHead::gradient(Recorder& r, const Tensor& x, std::span<const Tensor> class_weights,
                           bool held) const {
  const uint32_t images = x.shape[0], tokens = x.shape[1], width = x.shape[2],
                 first = reading_.grid.prefix_tokens;
  Tensor out;
  for (uint32_t i = 0; i < class_weights.size(); ++i) {
    Tensor part = class_weights[i];
    if (parts_.fc_norm)
      part = parts_.fc_norm->backward(r, read(r, x, i).reshaped({images, 1, width}), part, {}, held);
    if (i >= reading_.tokens)
      out = ops::place_tokens(r, part,
                              {.tokens = tokens,
                               .first = first,
                               .count = tokens - first,
                               .spread = true,
                               .factor = 1.0F / static_cast<float>(tokens - first),
                               .base = out});
    else if (rows(tokens) == 1)
      out = part;
    else
      out = ops::place_tokens(r, part, {.tokens = rows(tokens), .first = i, .base = out});
  }
  return parts_.norm ? parts_.norm->backward(r, ops::leading_tokens(r, x, rows(tokens)), out, {}, held) : out;
}

}  // namespace fovea::layers
