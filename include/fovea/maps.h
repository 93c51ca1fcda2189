// Attention maps: what to ask for, and what comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fovea {

enum class MapMethod {
  raw,      // softmax row of the class token (or of a query patch); mean over queries without a class token;
            // a gate's or score's own values
  rollout,  // Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", eq. 1, row-normalised
  mask,     // Caron et al. 2021 (DINO): the patches that hold the top `mass` of a head's row
  similarity,  // cosine between a picked patch's token and each other one's, behind the final norm
  norms,       // length of each token of a layer's output (Darcet et al. 2024): where outliers are
  evidence,    // each patch's exact part of a class's logit, by what layers' heads move to the class token
  gradcam,     // Selvaraju et al. 2017, on the last layer's attention
  gradsum,     // positive gradients of a class's logit by attention, summed over layers
  gae,         // Chefer et al. 2021, "Generic Attention-model Explainability", eqs. 5 and 6
  energy,      // of gates: the activation they let through, summed over channels
  cam,         // class activation map (Zhou et al. 2016): each cell's part of a class's logit
};

struct MapTraits {
  MapMethod method;
  const char* name;     // as people type it: "raw"
  const char* meaning;  // one line
  bool class_specific;  // answers "why this class?"; others are the same whatever the class
  bool takes_layer, takes_head, takes_query;  // what of a request changes it
  bool takes_start_layer = false;             // is over several layers
};

// Every method that can be drawn.
std::span<const MapTraits> map_traits();
const MapTraits& traits_of(MapMethod method);
const char* to_string(MapMethod method);
std::string names_of(const std::vector<MapMethod>& methods);  // "raw, cam"
enum class HeadFusion { mean, max, min, single };

struct PatchIndex {
  uint32_t row = 0, col = 0;
  bool operator==(const PatchIndex&) const = default;
};

struct MapRequest {
  MapMethod method = MapMethod::raw;
  int layer = -1;  // 0 is the first block, -1 the last; methods over several layers end with it
  HeadFusion fusion = HeadFusion::mean;
  int start_layer = 0;              // the first layer that methods over several layers count
  uint32_t head = 0;                // for HeadFusion::single
  std::optional<PatchIndex> query;  // this patch's row instead of the class token's
  // Class of a class-specific method; where empty, the image's own class of this rank, 0 the best.
  std::optional<uint32_t> target;
  uint32_t rank = 0;

  // mask: the share of a head's attention to patches that the kept patches hold, above 0 and up to 1.
  float mass = 0.6F;
  // rollout: this share of the entries of a layer's fused matrix, the lowest ones, counts as zero before the
  // identity is added, 0 … below 1. The class token's attention to itself always stays. Of equal entries the
  // earlier go first.
  float discard = 0;
  // Outlier filter over the finished map, 0 for none: a cell farther than `sigma` standard deviations from
  // the mean, both over the map's cells, becomes the median of those of its up to eight neighbours that are
  // no such outliers (of an even number, the mean of the middle two), or the mean where there are none.
  float sigma = 0;

  bool operator==(const MapRequest&) const = default;
};

// A class's logit of one image taken apart into a sum; in models with fp32 storage exact but for rounding.
// Mean and deviation of the norm before the head count as constants, which makes it linear.
struct ClassEvidence {
  uint32_t target = 0;
  uint32_t layers = 0, heads = 0, tokens = 0;
  std::vector<float>
      attention;            // [layers, heads, tokens]: what a head moved from a token to those the head reads
  std::vector<float> bias;  // [layers]: of attention's output projections
  std::vector<float> mlp;   // [layers]
  float embedding = 0;      // of those tokens, before the first layer
  float constant = 0;       // biases of the norm and of the head
  double total() const;     // the logit
};

// Values at the model's own grid, row-major, before any normalisation for display.
struct AttentionMap {
  uint32_t rows = 0, cols = 0;
  std::vector<float> values;  // [rows, cols]
};

}  // namespace fovea
