// Log-spaced continuous position bias (Liu et al. 2022, "Swin Transformer V2", 3.3).
#pragma once

#include "models/nn/relative_position.h"

namespace fovea::swin_v2 {

// 16 · sigmoid of the MLP w/"cpb_mlp" over the offsets of a window, which are counted in windows of the
// training: `trained` cells a side, or 0 for the window itself. Offsets are ±8 there, and their logarithms
// are what the MLP reads.
layers::OffsetBias continuous_bias(const io::Weights& w, uint32_t heads, uint32_t rows, uint32_t cols,
                                   uint32_t trained);

}  // namespace fovea::swin_v2
