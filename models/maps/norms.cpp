#include "models/maps/methods.h"
#include "runtime/ops/token_norm.h"

namespace fovea::maps {

Drawn norms(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const AttentionRecord& layer = kept.layers.at(layer_of(info, request));
  return {
      ops::token_norm(r, layer.tokens), layer.layer.rows, layer.layer.cols, layer.layer.prefix_tokens, {}};
}

}  // namespace fovea::maps
