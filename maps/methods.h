// Attention-map methods: each records, from what a forward pass kept, one value a cell.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fovea/maps.h"
#include "models/model/model.h"
#include "runtime/ops/attention/attention_rows.h"

namespace fovea::layers {
class StreamBackward;
}

namespace fovea::maps {

// What a forward pass keeps for maps.
struct Kept : AttentionTap {
  Tensor best;  // u32 [images, k], each image's best class first; empty when nobody asked for classes
};

// A recorded map: [images, tokens] f32, whose grid begins behind `first` tokens.
struct Drawn {
  Tensor values;
  uint32_t rows = 0, cols = 0, first = 0;
  // To be written before the first run.
  std::vector<std::pair<Tensor, std::vector<uint32_t>>> presets;
};

// Records what was asked for. Throws what resolved() and require_start() do. The functions below it take a
// resolved request.
Drawn draw(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// A layer's own values: the softmax row of the class token or of a query patch, the mean over queries where
// there is neither, scores, gates.
Drawn raw(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// Attention rollout (Abnar & Zuidema 2020, eq. 1) over layers request.start_layer … request.layer, as a chain
// of vector × matrix products from the last layer down.
Drawn rollout(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// 1 for the patches that hold the top request.mass of a head's row, 0 for others (Caron et al. 2021); the
// mean over queries where there is neither class token nor query. Fused over heads afterwards.
Drawn mask(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// Cosine between the tokens of a layer's output, behind the model's final norm where it has one (as DINO's
// features are taken), and the token of the query patch, or the class token.
Drawn similarity(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// Length of the tokens of a layer's output, before any norm (Darcet et al. 2024, "Vision Transformers Need
// Registers").
Drawn norms(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// The activation that a gate lets through: Σ_c gate_c F_c.
Drawn energy(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// Each cell's part of a class's logit (Zhou et al. 2016), the norm before the head linearised at its actual
// statistics: w_class · γ (F_i − mean F_i) / (σ · cells).
Drawn cam(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// What each patch moved to the tokens that the head reads, as its part of a class's logit, summed over layers
// request.start_layer … request.layer: E[l,h,i] = A_l[h,0,i] · (V_l[h,i] · W_O,hᵀ w_c), w_c the class's
// weights through the final norm, whose statistics count as constants.
Drawn evidence(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// The last layer's attention of the class token, each head weighed by the mean over patches of its gradient
// (Selvaraju et al. 2017): ReLU(mean_h w_h A[h,0,·]), w_h = mean_i ∂y_c/∂A[h,0,i].
Drawn gradcam(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// Σ_l mean over heads and queries of ReLU(∂y_c/∂A_l), over layers request.start_layer … request.layer.
Drawn gradsum(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// Chefer et al. 2021, "Generic Attention-model Explainability", eqs. 5 and 6, as a vector chain from the last
// layer down: r ← r + r C_l with C_l = mean_h ReLU(∂y_c/∂A_l ⊙ A_l), from the class token's row of the
// identity, or from the mean of the patches' rows where the head reads their mean.
Drawn gae(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info);

// The class of each image that a request is about, as indices or the forward pass's own best.
struct ClassChoice {
  Tensor classes;  // u32 [images, any]
  uint32_t rank = 0;
};
// What `out` needs besides goes into its presets.
ClassChoice choose_class(Recorder& r, const Kept& kept, const MapRequest& request, Drawn& out);

// Backwards through all steps from the logit of that class.
layers::StreamBackward backward_of(Recorder& r, const Kept& kept, const ClassChoice& choice);

// Layers first … last that a request sums over.
struct LayerRange {
  uint32_t first, last;
};
LayerRange layers_of(const MapRequest& request);

// Methods that make sense for a model whose pass offers this.
std::vector<MapMethod> methods_of(const AttentionTap& tap);

// The token a request starts from, or nothing for the mean over queries.
std::optional<uint32_t> start_token(const MapRequest& request, const AttentionLayer& layer);
ops::RowFusion fusion_of(const MapRequest& request);

}  // namespace fovea::maps
