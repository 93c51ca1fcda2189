// Biases of attention that depend on how far a query is from its key, in the forms checkpoints have them.
#pragma once

#include <vector>

#include "models/weights/weight_store.h"
#include "models/weights/weights.h"

namespace fovea::layers {

// A number a head for each offset of a query from its key, of a window of rows × cols cells. Offsets go row
// by row from (1 − rows, 1 − cols) to (rows − 1, cols − 1), heads fastest: the order of Swin's tables.
struct OffsetBias {
  uint32_t rows = 0, cols = 0, heads = 0;
  std::vector<float> values;  // [(2 rows − 1) * (2 cols − 1), heads]

  float at(uint32_t head, int32_t dy, int32_t dx) const {
    const auto y = static_cast<size_t>(dy + static_cast<int32_t>(rows) - 1),
               x = static_cast<size_t>(dx + static_cast<int32_t>(cols) - 1);
    return values[(y * (2 * cols - 1) + x) * heads + head];
  }
};

// Side of the window whose table has so many offsets; 0 when it is of no square window.
uint32_t square_window(uint64_t offsets);

// Swin, CoAtNet: w/"relative_position_bias_table" [offsets, heads], of a window rows × cols or of a square
// one. Throws Error(model) when it is of neither.
OffsetBias bias_table(const io::Weights& w, uint32_t rows, uint32_t cols);
// MaxViT as TensorFlow has it: [heads, 2 rows − 1, 2 cols − 1], of a key from its query.
OffsetBias bias_table_of_keys(const io::Weights& w);
// After LeViT (Graham et al. 2021): w/"attention_biases" [heads, rows * cols], of distances without a sign.
OffsetBias distance_bias(const io::Weights& w);
// Swin v2's idea as timm's "rmlp" models have it: an MLP of the offset's logarithm, under w/"mlp".
OffsetBias bias_mlp(const io::Weights& w, uint32_t rows, uint32_t cols);

// The table for another window, as timm resizes it: the source's offsets are spread over the target's in a
// geometric progression, fine near the query and coarse far from it, and values between them are linear.
OffsetBias resampled(const OffsetBias& bias, uint32_t rows, uint32_t cols);

// f32 [1, heads, tokens, tokens rounded up to fours], what ops::attention adds to the logits.
Tensor expanded(WeightStore& store, const OffsetBias& bias);

}  // namespace fovea::layers
