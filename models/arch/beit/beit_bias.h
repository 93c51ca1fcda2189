// What BEiT adds to the logits for how far a key is from its query (Bao et al. 2022, appendix; Raffel et al.
// 2020).
#pragma once

#include <vector>

#include "models/nn/relative_position.h"

namespace fovea::beit {

struct Grid {
  uint32_t rows = 0, cols = 0;
  uint32_t tokens() const { return rows * cols + 1; }  // with the class token
  bool operator==(const Grid&) const = default;
};

struct Bias {
  layers::OffsetBias patches;
  std::vector<float> from_class, to_class,
      within_class;  // [heads]: class token to patch, patch to it, itself
};

// w/"relative_position_bias_table" [offsets of patches + 3, heads] of a model for this grid.
Bias bias_table(const io::Weights& w, const Grid& grid);
// For another grid: the class token's numbers stay.
Bias resampled(Bias bias, const Grid& grid);
// f32 [1, heads, tokens, tokens rounded up to fours], of the sum of one or two.
Tensor expanded(WeightStore& store, const Bias& bias, const Bias* shared);

}  // namespace fovea::beit
