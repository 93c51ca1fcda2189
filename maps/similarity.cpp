#include "maps/methods.h"
#include "runtime/ops/maps/token_norm.h"
#include "runtime/ops/nn/layer_norm.h"

namespace fovea::maps {

Drawn similarity(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const auto index = static_cast<size_t>(request.layer);
  const AttentionLayer& grid = info.attention[index];
  const Tensor& stream = kept.steps.at(index).y;
  const FinalNorm& norm = kept.final_norm;
  const Tensor tokens = norm ? ops::layer_norm(r, stream, norm.gamma, norm.beta, norm.epsilon) : stream;
  return {ops::token_cosine(r, tokens, start_token(request, grid).value()),
          grid.rows,
          grid.cols,
          grid.prefix_tokens,
          {}};
}

}  // namespace fovea::maps
