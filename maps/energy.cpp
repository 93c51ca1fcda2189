#include "maps/methods.h"
#include "runtime/ops/maps/channel_dot.h"

namespace fovea::maps {

Drawn energy(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo&) {
  const AttentionRecord& layer = kept.layers.at(static_cast<size_t>(request.layer));
  const bool weighs = layer.layer.kind == AttentionKind::channel_gate;
  Drawn out;
  out.values = ops::channel_dot(r, layer.features, weighs ? layer.values : Tensor{});
  out.rows = layer.layer.rows;
  out.cols = layer.layer.cols;
  return out;
}

}  // namespace fovea::maps
