#include "models/maps/methods.h"
#include "runtime/ops/attention_rows.h"
#include "runtime/ops/token_mix.h"

namespace fovea::maps {

Drawn rollout(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const uint32_t last = layer_of(info, request);
  const auto fusion = fusion_of(request, info.attention[last]);
  const auto token = start_token(request, info.attention[last]);
  Tensor x;
  for (uint32_t l = last + 1; l-- > 0;) {
    const AttentionRecord& layer = kept.layers.at(l);
    const Tensor fused =
        ops::attention_rows(r, layer.input, layer.lse, 0, layer.input.layout.queries, fusion, request.head);
    const auto start = l != last ? ops::MixStart::given
                       : token   ? ops::MixStart::one_hot
                                 : ops::MixStart::uniform;
    x = ops::token_mix(r, fused, x, start, token.value_or(0), true);
  }
  const AttentionLayer& grid = info.attention[last];
  return {x, grid.rows, grid.cols, grid.prefix_tokens, {}};
}

}  // namespace fovea::maps
