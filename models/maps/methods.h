// Attention-map methods: each records, from the queries, keys and log-sum-exps of a forward pass, one value a
// token.
#pragma once

#include <optional>
#include <vector>

#include "fovea/maps.h"
#include "models/model.h"
#include "runtime/ops/attention_rows.h"

namespace fovea::maps {

// Row of the class token or of a query patch in one layer; mean over queries where there is neither.
// Returns [images, tokens], f32. `layers` are those of the whole model.
Tensor raw(Recorder& r, const std::vector<AttentionRecord>& layers, const MapRequest& request,
           const ModelInfo& info);

// Attention rollout (Abnar & Zuidema 2020, eq. 1) over layers 0 … request.layer, as a chain of vector ×
// matrix products from the last layer down. Returns [images, tokens], f32.
Tensor rollout(Recorder& r, const std::vector<AttentionRecord>& layers, const MapRequest& request,
               const ModelInfo& info);

// The layer a request means; throws Error(usage) when there is none such.
uint32_t layer_of(const MapRequest& request, const ModelInfo& info);
// The token a request starts from, or nothing for the mean over queries.
std::optional<uint32_t> start_token(const MapRequest& request, const AttentionLayer& layer);
ops::RowFusion fusion_of(const MapRequest& request, const AttentionLayer& layer);

}  // namespace fovea::maps
