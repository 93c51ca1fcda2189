// Attention maps: what to ask for, and what comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fovea {

enum class MapMethod {
  raw,      // softmax row of the class token (or of a query patch); mean over queries without a class token;
            // a gate's or score's own values
  rollout,  // Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", eq. 1, row-normalised
  energy,   // of gates: the activation they let through, summed over channels
  cam,      // class activation map (Zhou et al. 2016): each cell's part of a class's logit
};
const char* to_string(MapMethod method);
std::string names_of(const std::vector<MapMethod>& methods);  // "raw, cam"
enum class HeadFusion { mean, max, min, single };

struct PatchIndex {
  uint32_t row = 0, col = 0;
  bool operator==(const PatchIndex&) const = default;
};

struct MapRequest {
  MapMethod method = MapMethod::raw;
  int layer = -1;  // 0 is the first block, -1 the last; rollout uses all layers up to and including it
  HeadFusion fusion = HeadFusion::mean;
  uint32_t head = 0;                // for HeadFusion::single
  std::optional<PatchIndex> query;  // this patch's row instead of the class token's
  std::optional<uint32_t> target;   // class of a cam; each image's best when empty

  bool operator==(const MapRequest&) const = default;
};

// Values at the model's own grid, row-major, before any normalisation for display.
struct AttentionMap {
  uint32_t rows = 0, cols = 0;
  std::vector<float> values;  // [rows, cols]
};

}  // namespace fovea
