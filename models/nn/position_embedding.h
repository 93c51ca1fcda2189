// Position embeddings at another grid than they were trained at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fovea::layers {

// table [rows * cols, width] → [to_rows * to_cols, width]: separable bicubic (a = −0.5), the kernel widened
// when shrinking (antialias), as timm's resample_abs_pos_embed does through torch's interpolate.
std::vector<float> resample_positions(std::span<const float> table, uint32_t rows, uint32_t cols,
                                      uint32_t to_rows, uint32_t to_cols, uint32_t width);

}  // namespace fovea::layers
