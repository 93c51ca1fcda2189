// Between the layout of pictures and of features in files, channels first, and that of activations, channels
// last.
#pragma once

#include "runtime/ops/common/transpose.h"

namespace fovea::layers {

// input [images, 3, height, width] → [images, height, width, 4], the fourth channel zero.
inline Tensor channels_last(Recorder& r, const Tensor& input) {
  const uint32_t images = input.shape[0], height = input.shape[2], width = input.shape[3];
  return ops::transpose(r, input.reshaped({images, 3, height * width}), {.pad_to = 4})
      .reshaped({images, height, width, 4});
}

// cells [images, rows * cols, channels] → [images, channels, rows, cols].
inline Tensor channels_first(Recorder& r, const Tensor& cells, uint32_t rows, uint32_t cols) {
  return ops::transpose(r, cells).reshaped({cells.shape[0], cells.shape[2], rows, cols});
}

}  // namespace fovea::layers
