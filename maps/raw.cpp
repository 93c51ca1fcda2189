#include "maps/methods.h"
#include "runtime/ops/attention/attention_rows.h"
#include "runtime/ops/common/gather_rows.h"
#include "runtime/ops/conv/resize2d.h"
#include "runtime/ops/maps/channel_dot.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea::maps {
namespace {

// Values of groups of tokens, [images * groups, tokens], put where the grid has them.
Tensor stitched(Recorder& r, const Tensor& values, const AttentionRecord& layer, const Tensor& table) {
  const uint32_t images = values.shape[0] / layer.groups, tokens = layer.groups * values.shape[1];
  if (!table) return values.reshaped({images, tokens});
  const Tensor cells = ops::gather_rows(r, values.reshaped({images, tokens, 1}), table);
  return cells.reshaped({images, table.shape[0]});
}

// A reduced grid of keys (Wang et al. 2022) at the size of the queries' grid.
Tensor resampled(Recorder& r, const Tensor& values, const AttentionRecord& layer) {
  if (layer.key_rows == 0) return values;
  const uint32_t images = values.shape[0], rows = layer.layer.rows, cols = layer.layer.cols;
  const Tensor keys = values.reshaped({images, layer.key_rows, layer.key_cols, 1});
  return ops::resize2d(r, keys, rows, cols, ops::ResizeMode::bilinear).reshaped({images, rows * cols});
}

Drawn self_attention(Recorder& r, const AttentionRecord& layer, const MapRequest& request) {
  const auto fusion = fusion_of(request);
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
    out.values = resampled(r, stitched(r, received, layer, layer.stitch.table), layer);
    return out;
  }
  const uint32_t place = layer.stitch ? layer.stitch.cells[*start] : *start;
  const uint32_t group = place / queries;
  const Tensor rows = ops::attention_rows(r, in, layer.lse, place % queries, 1, fusion, request.head);
  Tensor table = layer.stitch.table;
  if (layer.groups > 1) {  // the other groups do not see this query
    std::vector<uint32_t> cells(layer.stitch.cells.begin(), layer.stitch.cells.end());
    for (uint32_t& cell : cells)
      if (cell / queries != group) cell = UINT32_MAX;
    table = r.input({static_cast<uint32_t>(cells.size())}, DType::u32, "stitch");
    out.presets.emplace_back(table, std::move(cells));
  }
  const Tensor row = rows.reshaped({rows.shape[0], rows.shape[2]});
  out.values = resampled(r, stitched(r, row, layer, table), layer);
  return out;
}

}  // namespace

Drawn raw(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const AttentionRecord& layer = kept.layers.at(static_cast<size_t>(request.layer));
  Drawn out;
  out.rows = layer.layer.rows;
  out.cols = layer.layer.cols;
  switch (layer.layer.kind) {
    case AttentionKind::sequence_attention:
    case AttentionKind::cross_attention:
    case AttentionKind::self_attention:
    case AttentionKind::attention_pool:
      return self_attention(r, layer, request);
    case AttentionKind::token_scores:
      out.values = stitched(r, layer.values, layer, layer.stitch.table);
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
