#include "maps/methods.h"
#include "runtime/ops/attention/attention_rows.h"
#include "runtime/ops/maps/mass_mask.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea::maps {

Drawn mask(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo&) {
  const AttentionRecord& layer = kept.layers.at(static_cast<size_t>(request.layer));
  const AttentionLayout& in = layer.input.layout;
  const auto start = start_token(request, layer.layer);
  const ops::RowFusion fusion = fusion_of(request);
  const bool single = fusion == ops::RowFusion::one_head;
  const uint32_t heads = single ? 1 : in.heads;
  const Tensor rows =
      ops::attention_rows(r, layer.input, layer.lse, start.value_or(0), start ? 1 : in.queries,
                          single ? ops::RowFusion::one_head : ops::RowFusion::none, request.head);
  const Tensor received =
      start ? rows : ops::token_mean(r, rows.reshaped({in.images * heads, in.queries, in.keys}));
  Drawn out;
  out.rows = layer.layer.rows;
  out.cols = layer.layer.cols;
  out.values = ops::mass_mask(r, received.reshaped({in.images, heads, in.keys}), layer.layer.prefix_tokens,
                              request.mass, single ? ops::RowFusion::mean : fusion);
  return out;
}

}  // namespace fovea::maps
