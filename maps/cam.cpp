#include "maps/methods.h"
#include "runtime/ops/maps/channel_dot.h"
#include "runtime/ops/maps/class_direction.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea::maps {

Drawn cam(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo&) {
  const PooledHead& head = kept.head;
  Drawn out;
  out.rows = head.rows;
  out.cols = head.cols;
  out.first = head.prefix_tokens;

  ops::ClassDirectionCase c;
  c.head = head.head;
  const ClassChoice choice = choose_class(r, kept, request, out);
  c.classes = choice.classes;
  c.rank = choice.rank;
  const bool pooled = head.norm == PooledHead::Norm::after_pooling;
  c.gamma = head.gamma;
  c.epsilon = head.epsilon;
  c.factor = 1.0F / static_cast<float>(out.rows * out.cols);
  if (pooled) c.pooled = ops::token_mean(r, head.features, head.prefix_tokens);
  const Tensor direction = ops::class_direction(r, c);
  const bool per_cell = head.norm == PooledHead::Norm::before_pooling;
  out.values =
      ops::channel_dot(r, head.features, direction, per_cell ? std::optional(head.epsilon) : std::nullopt);
  return out;
}

}  // namespace fovea::maps
