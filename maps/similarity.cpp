#include <fmt/format.h>

#include "fovea/error.h"
#include "maps/methods.h"
#include "runtime/ops/maps/token_norm.h"
#include "runtime/ops/nn/layer_norm.h"

namespace fovea::maps {

Drawn similarity(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const uint32_t index = layer_of(info, request);
  const AttentionLayer& grid = info.attention[index];
  const auto start = start_token(request, grid);
  if (!start)
    throw Error(
        ErrorKind::usage,
        fmt::format("[map] {} has no class token: similarity needs a patch to start from, give a query",
                    info.architecture));
  const Tensor& stream = kept.chain.stream.at(index + 1);
  const FinalNorm& norm = kept.final_norm;
  const Tensor tokens = norm ? ops::layer_norm(r, stream, norm.gamma, norm.beta, norm.epsilon) : stream;
  return {ops::token_cosine(r, tokens, *start), grid.rows, grid.cols, grid.prefix_tokens, {}};
}

}  // namespace fovea::maps
