// Attention maps: what to ask for, and what comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/error.h"

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

enum class HeadFusion { mean, max, min, single };

struct PatchIndex {
  uint32_t row = 0, col = 0;
  bool operator==(const PatchIndex&) const = default;
};

// A method reads the fields that it takes (MapTraits) and ignores the others, but refuses a query that it
// does not take.
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

  // mask: the share of a head's attention to patches that the kept patches hold.
  float mass = 0.6F;
  // rollout: this share of the entries of a layer's fused matrix, the lowest ones, counts as zero before the
  // identity is added. The class token's attention to itself always stays. Of equal entries the earlier go
  // first.
  float discard = 0;
  // Outlier filter over the finished map, 0 for none: a cell farther than `sigma` standard deviations from
  // the mean, both over the map's cells, becomes the median of those of its up to eight neighbours that are
  // no such outliers (of an even number, the mean of the middle two), or the mean where there are none.
  float sigma = 0;

  bool operator==(const MapRequest&) const = default;
};

// What a method may take of a request. `head` is a single head or a way to fuse them, `target` a class or its
// rank.
enum class MapField { method, layer, start_layer, head, query, target, mass, discard, sigma };
const char* to_string(MapField field);  // as people know it: "start_layer", "class"

struct MapTraits {
  MapMethod method;
  const char* name;     // as people type it: "raw"
  const char* meaning;  // one line
  uint32_t fields;      // a bit for each MapField that changes the map
  constexpr bool takes(MapField field) const { return (fields >> static_cast<uint32_t>(field) & 1U) != 0; }
  // Answers "why this class?"; others are the same whatever the class.
  constexpr bool class_specific() const { return takes(MapField::target); }
};

// Every method that can be drawn.
std::span<const MapTraits> map_traits();
const MapTraits& traits_of(MapMethod method);
const char* to_string(MapMethod method);
const char* to_string(HeadFusion fusion);
std::span<const HeadFusion> head_fusions();                   // ways to fuse heads, so without `single`
std::string names_of(const std::vector<MapMethod>& methods);  // "raw, cam"

// The rule of a request's number.
struct MapNumber {
  MapField field;
  const char* meaning;  // one line
  float MapRequest::*value;
  float lowest, highest;                 // highest may be infinite; the number itself may not
  bool lowest_belongs, highest_belongs;  // to the range
  float step, slider_end;     // for a control: steps that tell, and where there is no highest, an end
  std::string range() const;  // "above 0 and up to 1"
};
std::span<const MapNumber> map_numbers();

// A request, or the look of its map, that breaks a rule. what() is "[map] layer 12: vit_tiny has layers 0 to
// 11"; its parts are for those who call the field by another name.
class RequestError : public Error {
 public:
  RequestError(std::string field, std::string value, std::string reason);
  const std::string& field() const { return field_; }    // a MapField's name, or "alpha", "smoothing" …
  const std::string& value() const { return value_; }    // "12"
  const std::string& reason() const { return reason_; }  // "vit_tiny has layers 0 to 11"
  std::string plain() const;                             // what() without its beginning

 private:
  std::string field_, value_, reason_;
};

// What people type. Throws RequestError naming what there is.
MapMethod method_named(std::string_view name);
HeadFusion fusion_named(std::string_view name);
// Throws RequestError where the method does not take the field, for those who are told of one: `value` is
// what they were told.
void require_takes(MapMethod method, MapField field, const std::string& value);

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
