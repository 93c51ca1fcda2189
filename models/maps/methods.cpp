#include "models/maps/methods.h"

#include <fmt/format.h>

#include "fovea/error.h"

namespace fovea::maps {

uint32_t layer_of(const MapRequest& request, const ModelInfo& info) {
  const auto layers = static_cast<int64_t>(info.attention.size());
  const int64_t layer = request.layer < 0 ? layers + request.layer : request.layer;
  if (layer < 0 || layer >= layers)
    throw Error(ErrorKind::usage,
                fmt::format("[map] layer {} of a model with layers 0…{}", request.layer, layers - 1));
  return static_cast<uint32_t>(layer);
}

std::optional<uint32_t> start_token(const MapRequest& request, const AttentionLayer& layer) {
  if (!request.query) return layer.has_cls ? std::optional(0U) : std::nullopt;
  const PatchIndex q = *request.query;
  if (q.row >= layer.rows || q.col >= layer.cols)
    throw Error(ErrorKind::usage,
                fmt::format("[map] patch ({}, {}) of a {}×{} grid", q.row, q.col, layer.rows, layer.cols));
  return layer.prefix_tokens + q.row * layer.cols + q.col;
}

ops::RowFusion fusion_of(const MapRequest& request, const AttentionLayer& layer) {
  switch (request.fusion) {
    case HeadFusion::mean:
      return ops::RowFusion::mean;
    case HeadFusion::max:
      return ops::RowFusion::max;
    case HeadFusion::min:
      return ops::RowFusion::min;
    case HeadFusion::single:
      break;
  }
  if (request.head >= layer.heads)
    throw Error(ErrorKind::usage,
                fmt::format("[map] head {} of a model with heads 0…{}", request.head, layer.heads - 1));
  return ops::RowFusion::one_head;
}

}  // namespace fovea::maps
