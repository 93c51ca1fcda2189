#include "models/maps/methods.h"

#include <fmt/format.h>

#include "fovea/error.h"

namespace fovea::maps {

uint32_t layer_of(const MapRequest& request, const ModelInfo& info) {
  const int64_t layer = request.layer < 0 ? int64_t{info.layers} + request.layer : request.layer;
  if (layer < 0 || layer >= info.layers)
    throw Error(ErrorKind::usage,
                fmt::format("[map] layer {} of a model with layers 0…{}", request.layer, info.layers - 1));
  return static_cast<uint32_t>(layer);
}

std::optional<uint32_t> start_token(const MapRequest& request, const ModelInfo& info) {
  if (!request.query) return info.has_cls ? std::optional(0U) : std::nullopt;
  const PatchIndex q = *request.query;
  if (q.row >= info.grid_rows || q.col >= info.grid_cols)
    throw Error(ErrorKind::usage, fmt::format("[map] patch ({}, {}) of a {}×{} grid", q.row, q.col,
                                              info.grid_rows, info.grid_cols));
  return info.prefix_tokens + q.row * info.grid_cols + q.col;
}

ops::RowFusion fusion_of(const MapRequest& request, const ModelInfo& info) {
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
  if (request.head >= info.heads)
    throw Error(ErrorKind::usage,
                fmt::format("[map] head {} of a model with heads 0…{}", request.head, info.heads - 1));
  return ops::RowFusion::one_head;
}

}  // namespace fovea::maps
