// Position embeddings at another grid than they were trained at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fovea::layers {

// torch's two bicubic kernels. smoothed: a = −0.5, widened when shrinking (antialias true), cut at the
// border; sampled: a = −0.75, of four neighbours at any scale, the border repeated.
enum class Bicubic { smoothed, sampled };

// table [rows * cols, width] → [to_rows * to_cols, width], separable, as timm's resample_abs_pos_embed does
// through torch's interpolate.
std::vector<float> resample_positions(std::span<const float> table, uint32_t rows, uint32_t cols,
                                      uint32_t to_rows, uint32_t to_cols, uint32_t width,
                                      Bicubic kernel = Bicubic::smoothed);

}  // namespace fovea::layers
