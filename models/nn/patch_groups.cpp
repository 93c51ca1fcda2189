#include "models/nn/patch_groups.h"

#include "runtime/ops/common/gather_rows.h"

namespace fovea::layers {

PatchGroups::PatchGroups(WeightStore& store, uint32_t rows, uint32_t cols)
    : rows_(rows), cols_(cols), token_of_pixel_(size_t{rows} * cols) {
  std::vector<uint32_t> pixel_of_token(token_of_pixel_.size());
  for (uint32_t y = 0; y < rows; ++y)
    for (uint32_t x = 0; x < cols; ++x) {
      const uint32_t group = y % side * side + x % side, patch = y / side * (cols / side) + x / side;
      const uint32_t pixel = y * cols + x, token = group * patches() + patch;
      token_of_pixel_[pixel] = token;
      pixel_of_token[token] = pixel;
    }
  pixel_of_token_table_ = store.table(pixel_of_token);
  token_of_pixel_table_ = store.table(token_of_pixel_);
}

Tensor PatchGroups::unfold(Recorder& r, const Tensor& x) const {
  const uint32_t images = x.shape[0], channels = x.shape[3];
  return ops::gather_rows(r, x.reshaped({images, rows_ * cols_, channels}), pixel_of_token_table_);
}

Tensor PatchGroups::fold(Recorder& r, const Tensor& x) const {
  const uint32_t images = x.shape[0], channels = x.shape[2];
  return ops::gather_rows(r, x, token_of_pixel_table_).reshaped({images, rows_, cols_, channels});
}

void PatchGroups::describe(AttentionRecord& record) const {
  record.layer.rows = rows_;
  record.layer.cols = cols_;
  record.groups = groups;
  record.stitch = {token_of_pixel_table_, token_of_pixel_};
}

}  // namespace fovea::layers
