// Naive double-precision convolution; see reference.h.
#pragma once

#include "tests/reference/basics.h"

namespace fovea::test {

struct ConvCase {
  size_t images = 1, height = 1, width = 1, inputs = 1, columns = 1, groups = 1;
  size_t rows = 1, cols = 1, stride = 1, dilation = 1;
  size_t top = 0, left = 0, bottom = 0, right = 0;
  size_t out_height() const { return (height + top + bottom - (rows - 1) * dilation - 1) / stride + 1; }
  size_t out_width() const { return (width + left + right - (cols - 1) * dilation - 1) / stride + 1; }
};

// x [images, height, width, inputs], w [columns, inputs / groups, rows, cols] → [images, out_height,
// out_width, columns].
inline Expected conv(const Numbers& x, const Numbers& w, const ConvCase& s, const LinearCase& c) {
  const size_t depth = s.inputs / s.groups, breadth = s.columns / s.groups;
  Expected out;
  size_t pixel = 0;
  for (size_t image = 0; image < s.images; ++image)
    for (size_t row = 0; row < s.out_height(); ++row)
      for (size_t col = 0; col < s.out_width(); ++col, ++pixel)
        for (size_t column = 0; column < s.columns; ++column) {
          double sum = 0, magnitude = 0;
          for (size_t i = 0; i < s.rows; ++i)
            for (size_t j = 0; j < s.cols; ++j) {
              const size_t y = row * s.stride + i * s.dilation, z = col * s.stride + j * s.dilation;
              if (y < s.top || y - s.top >= s.height || z < s.left || z - s.left >= s.width) continue;
              const double* in = &x[((image * s.height + y - s.top) * s.width + z - s.left) * s.inputs +
                                    column / breadth * depth];
              for (size_t k = 0; k < depth; ++k) {
                const double product = in[k] * w[((column * depth + k) * s.rows + i) * s.cols + j];
                sum += product;
                magnitude += std::abs(product);
              }
            }
          add_epilogue(sum, magnitude, depth * s.rows * s.cols, pixel, column, s.columns, c, out);
        }
  return out;
}

}  // namespace fovea::test
