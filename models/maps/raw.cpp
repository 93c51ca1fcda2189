#include "models/maps/methods.h"
#include "runtime/ops/attention_rows.h"
#include "runtime/ops/token_mix.h"

namespace fovea::maps {

Tensor raw(Recorder& r, const std::vector<AttentionRecord>& layers, const MapRequest& request,
           const ModelInfo& info) {
  const uint32_t index = layer_of(request, info);
  const AttentionRecord& layer = layers.at(index);
  const auto fusion = fusion_of(request, info.attention[index]);
  const uint32_t tokens = layer.input.layout.queries;
  if (const auto token = start_token(request, info.attention[index])) {
    const Tensor row = ops::attention_rows(r, layer.input, layer.lse, *token, 1, fusion, request.head);
    return row.reshaped({row.shape[0], tokens});
  }
  const Tensor rows = ops::attention_rows(r, layer.input, layer.lse, 0, tokens, fusion, request.head);
  return ops::token_mix(r, rows, {}, ops::MixStart::uniform, 0, false);
}

}  // namespace fovea::maps
