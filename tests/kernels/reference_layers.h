// Naive double-precision references of the layers around convolutions and attention, as reference.h has them:
// written from the formulas, with a bound on what fp32 arithmetic may differ, and nothing shared with ops.
#pragma once

#include "kernels/reference.h"

namespace fovea::test {

// x [images, a, b] → [images, b, width], zeros from column a on; exact.
inline Numbers transpose(const Numbers& x, size_t images, size_t a, size_t b, size_t width) {
  Numbers out(images * b * width, 0.0);
  for (size_t image = 0; image < images; ++image)
    for (size_t i = 0; i < a; ++i)
      for (size_t j = 0; j < b; ++j) out[(image * b + j) * width + i] = x[(image * a + i) * b + j];
  return out;
}

// x [images, rows, channels] → rows table[0], table[1] … of each image, zeros beyond the last row; exact.
inline Numbers gather_rows(const Numbers& x, const std::vector<uint32_t>& table, size_t images, size_t rows,
                           size_t channels) {
  Numbers out;
  for (size_t image = 0; image < images; ++image)
    for (const uint32_t row : table)
      for (size_t c = 0; c < channels; ++c)
        out.push_back(row < rows ? x[(image * rows + row) * channels + c] : 0.0);
  return out;
}

// x [images, tokens, width] → maximum over tokens first … tokens − 1; exact.
inline Numbers token_max(const Numbers& x, size_t images, size_t tokens, size_t width, size_t first) {
  Numbers out;
  for (size_t image = 0; image < images; ++image)
    for (size_t c = 0; c < width; ++c) {
      double most = -INFINITY;
      for (size_t i = first; i < tokens; ++i) most = std::max(most, x[(image * tokens + i) * width + c]);
      out.push_back(most);
    }
  return out;
}

}  // namespace fovea::test
