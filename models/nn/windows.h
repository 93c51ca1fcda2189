// Windows: groups of a grid's cells that attend among themselves.
#pragma once

#include <vector>

#include "models/nn/attention_tap.h"
#include "models/weights/weight_store.h"
#include "runtime/record/recorder.h"

namespace fovea::layers {

// How a grid is cut. Where it is no multiple of the window, empty cells follow at its bottom and right.
struct WindowShape {
  uint32_t rows = 0, cols = 0;                // of the grid
  uint32_t window_rows = 0, window_cols = 0;  // cells a window
  uint32_t shift_rows = 0, shift_cols = 0;    // the grid rolls up and left by so many cells before it is cut
  bool strided = false;  // a window takes every n-th cell and not neighbours (MaxViT's grid attention)
  // Empty cells roll with the others (transformers), or follow when the grid has rolled (timm).
  bool pads_first = false;

  uint32_t down() const { return (rows + window_rows - 1) / window_rows; }    // windows in a column
  uint32_t across() const { return (cols + window_cols - 1) / window_cols; }  // windows in a row
  uint32_t windows() const { return down() * across(); }
  uint32_t tokens() const { return window_rows * window_cols; }  // of a window
};

// MobileViT's: pixels at the same place in their 2×2 patches attend among themselves (Mehta & Rastegari
// 2022, 3.1). The grid is that of whole patches.
inline WindowShape pixels_of_patches(uint32_t rows, uint32_t cols) {
  return {(rows + 1) / 2 * 2, (cols + 1) / 2 * 2, (rows + 1) / 2, (cols + 1) / 2, 0, 0, true};
}

// Cell (row by row) that each token of each window is, 0xffffffff for an empty one: [windows * tokens].
std::vector<uint32_t> cells_of_tokens(const WindowShape& s);
// The inverse, window * tokens of a window + token: [cells].
std::vector<uint32_t> tokens_of_cells(const WindowShape& s);
// What keeps apart cells that a shift brought together: 0 between neighbours, −100 otherwise, [windows,
// tokens, tokens rounded up to fours] (Liu et al. 2021, 3.2).
std::vector<float> shift_mask(const WindowShape& s);

class Windows {
 public:
  Windows(WeightStore& store, const WindowShape& shape);

  // x [images, cells, channels] → [images * windows, tokens, channels]; empty cells are zeros.
  Tensor cut(Recorder& r, const Tensor& x) const;
  // y [images * windows, tokens, channels] → [images, cells, channels]
  Tensor join(Recorder& r, const Tensor& y) const;

  const WindowShape& shape() const { return shape_; }
  const Tensor& mask() const { return mask_; }  // [windows, 1, tokens, tokens rounded up]; empty unshifted
  // What the tokens of all windows are.
  TokenGrid grid() const {
    return {shape_.rows, shape_.cols, 0, false, shape_.windows(), {to_cells_, tokens_of_cells_}};
  }

 private:
  WindowShape shape_;
  Tensor to_tokens_;                       // empty where the cells are in order as they are
  Tensor to_cells_;                        // u32 [cells], empty for a grid that is one window
  std::vector<uint32_t> tokens_of_cells_;  // the same numbers
  Tensor mask_;
};

}  // namespace fovea::layers
