#include <cmath>

#include "maps/methods.h"
#include "runtime/ops/attention/attention_rows.h"
#include "runtime/ops/maps/discard_lowest.h"
#include "runtime/ops/maps/token_mix.h"

namespace fovea::maps {
namespace {

// How many entries of a tokens × tokens matrix a share stands for. A share such as 0.9 is a little less as a
// float, which must not cost an entry where the product is whole.
uint32_t discarded(float share, uint32_t tokens) {
  constexpr double rounding = 1e-7;
  return static_cast<uint32_t>(double{share} * tokens * tokens * (1 + rounding));
}

}  // namespace

Drawn rollout(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const auto [first, last] = layers_of(request);
  const auto fusion = fusion_of(request);
  const auto token = start_token(request, info.attention[last]);
  Tensor x;
  for (uint32_t l = last + 1; l-- > first;) {
    const AttentionRecord& layer = kept.layers.at(l);
    const uint32_t tokens = layer.input.layout.queries;
    const Tensor fused = ops::attention_rows(r, layer.input, layer.lse, 0, tokens, fusion, request.head);
    if (const uint32_t count = discarded(request.discard, tokens); count != 0)
      ops::discard_lowest(r, fused, count, layer.layer.has_cls);
    const auto start = l != last ? ops::MixStart::given
                       : token   ? ops::MixStart::one_hot
                                 : ops::MixStart::uniform;
    x = ops::token_mix(r, fused, x, start, token.value_or(0), true);
  }
  const AttentionLayer& grid = info.attention[last];
  return {x, grid.rows, grid.cols, grid.prefix_tokens, {}};
}

}  // namespace fovea::maps
