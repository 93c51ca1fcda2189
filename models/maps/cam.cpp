#include <fmt/format.h>

#include "fovea/error.h"
#include "models/maps/methods.h"
#include "runtime/ops/channel_dot.h"
#include "runtime/ops/class_direction.h"
#include "runtime/ops/token_pool.h"

namespace fovea::maps {

Drawn cam(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const PooledHead& head = kept.head;
  const uint32_t images = head.features.shape[0];
  if (request.query)
    throw Error(ErrorKind::usage,
                "[map] a cam starts from a class and not from a patch: leave out the query");
  Drawn out;
  out.rows = head.rows;
  out.cols = head.cols;
  out.first = head.prefix_tokens;

  ops::ClassDirectionCase c;
  c.head = head.head;
  c.classes = kept.best;
  if (request.target) {
    if (*request.target >= info.classes)
      throw Error(ErrorKind::usage, fmt::format("[map] class {} of a model with classes 0…{}",
                                                *request.target, info.classes - 1));
    c.classes = r.input({images, 1}, DType::u32, "class");
    out.presets.emplace_back(c.classes, std::vector<uint32_t>(images, *request.target));
  }
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
