#include "maps/methods.h"
#include "runtime/ops/maps/token_norm.h"

namespace fovea::maps {

Drawn norms(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const auto index = static_cast<size_t>(request.layer);
  const AttentionLayer& grid = info.attention[index];
  return {ops::token_norm(r, kept.steps.at(index).y), grid.rows, grid.cols, grid.prefix_tokens, {}};
}

}  // namespace fovea::maps
