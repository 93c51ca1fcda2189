#include <fmt/format.h>

#include "fovea/error.h"
#include "models/maps/methods.h"
#include "runtime/ops/layer_norm.h"
#include "runtime/ops/token_norm.h"

namespace fovea::maps {

Drawn similarity(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const AttentionRecord& layer = kept.layers.at(layer_of(info, request));
  const auto start = start_token(request, layer.layer);
  if (!start)
    throw Error(
        ErrorKind::usage,
        fmt::format("[map] {} has no class token: similarity needs a patch to start from, give a query",
                    info.architecture));
  const FinalNorm& norm = kept.final_norm;
  const Tensor tokens =
      norm ? ops::layer_norm(r, layer.tokens, norm.gamma, norm.beta, norm.epsilon) : layer.tokens;
  return {ops::token_cosine(r, tokens, *start),
          layer.layer.rows,
          layer.layer.cols,
          layer.layer.prefix_tokens,
          {}};
}

}  // namespace fovea::maps
