#include "models/maps/methods.h"
#include "runtime/ops/attention_rows.h"
#include "runtime/ops/channel_dot.h"
#include "runtime/ops/token_mean.h"

namespace fovea::maps {
namespace {

Drawn self_attention(Recorder& r, const AttentionRecord& layer, const MapRequest& request) {
  const auto fusion = fusion_of(request, layer.layer);
  const ops::AttentionInput& in = layer.input;
  const uint32_t queries = in.layout.queries;
  Drawn out;
  out.rows = layer.layer.rows;
  out.cols = layer.layer.cols;
  out.first = layer.stitch ? 0 : layer.layer.prefix_tokens;
  const auto start = start_token(request, layer.layer);
  if (!start) {
    const Tensor rows = ops::attention_rows(r, in, layer.lse, 0, queries, fusion, request.head);
    const Tensor received = ops::token_mean(r, rows, 0);  // mean over queries
    out.values = received;
    return out;
  }
  const Tensor rows = ops::attention_rows(r, in, layer.lse, *start, 1, fusion, request.head);
  out.values = rows.reshaped({rows.shape[0], rows.shape[2]});
  return out;
}

}  // namespace

Drawn raw(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const AttentionRecord& layer = kept.layers.at(layer_of(info, request));
  Drawn out;
  out.rows = layer.layer.rows;
  out.cols = layer.layer.cols;
  switch (layer.layer.kind) {
    case AttentionKind::self_attention:
      return self_attention(r, layer, request);
    case AttentionKind::token_scores:
      out.values = layer.values;
      break;
    case AttentionKind::channel_gate:  // has no place of its own
      return energy(r, kept, request, info);
    case AttentionKind::spatial_gate: {
      const uint32_t images = layer.values.shape[0], cells = out.rows * out.cols;
      out.values = ops::channel_dot(r, layer.values.reshaped({images, cells, 1}), {});
      break;
    }
  }
  return out;
}

}  // namespace fovea::maps
