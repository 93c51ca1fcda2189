// A feature map as MobileViT's transformers see it: pixels at the same place in their 2×2 patches form a
// group of tokens (Mehta & Rastegari 2022, section 3.1).
#pragma once

#include <vector>

#include "models/nn/attention_tap.h"
#include "models/weights/weight_store.h"
#include "runtime/record/recorder.h"

namespace fovea::layers {

class PatchGroups {
 public:
  static constexpr uint32_t side = 2;  // of a patch
  static constexpr uint32_t groups = side * side;
  static uint32_t whole_patches(uint32_t size) { return (size + side - 1) / side * side; }

  // Of a map whose sides are multiples of a patch's.
  PatchGroups(WeightStore& store, uint32_t rows, uint32_t cols);

  uint32_t rows() const { return rows_; }
  uint32_t cols() const { return cols_; }
  uint32_t patches() const { return rows_ * cols_ / groups; }

  // [images, rows, cols, channels] → [images, groups * patches, channels], a group's tokens together.
  Tensor unfold(Recorder& r, const Tensor& x) const;
  // And back.
  Tensor fold(Recorder& r, const Tensor& x) const;

  // Says where the tokens of an attention among groups lie in the map.
  void describe(AttentionRecord& record) const;

 private:
  uint32_t rows_, cols_;
  std::vector<uint32_t> token_of_pixel_;
  Tensor pixel_of_token_table_, token_of_pixel_table_;
};

}  // namespace fovea::layers
