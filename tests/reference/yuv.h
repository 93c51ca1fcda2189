// BT.601 in double precision, from its definition: how red, green and blue make luma, and what chroma is of
// it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace fovea::test {

// A camera's frame; rows are row_bytes apart, those of U V after those of luma.
struct YuvFrame {
  const uint8_t* bytes = nullptr;
  size_t row_bytes = 0, height = 0;
  bool planes = true;  // NV12, else YUYV
};

// Red, green and blue of a pixel from 0 to 255, before rounding.
inline std::array<double, 3> yuv_color(const YuvFrame& f, size_t x, size_t y) {
  const size_t pair = x / 2;
  const uint8_t* row = f.bytes + y * f.row_bytes;
  const uint8_t* chroma = f.bytes + (f.height + y / 2) * f.row_bytes;
  const double luma = (f.planes ? row[x] : row[2 * x]) - 16.0;
  const double cb = (f.planes ? chroma[2 * pair] : row[4 * pair + 1]) - 128.0;
  const double cr = (f.planes ? chroma[2 * pair + 1] : row[4 * pair + 3]) - 128.0;
  const double of_red = 0.299, of_blue = 0.114;
  const double gray = luma / 219, red = gray + 2 * (1 - of_red) * cr / 224,
               blue = gray + 2 * (1 - of_blue) * cb / 224;
  const double green = (gray - of_red * red - of_blue * blue) / (1 - of_red - of_blue);
  return {std::clamp(red * 255, 0.0, 255.0), std::clamp(green * 255, 0.0, 255.0),
          std::clamp(blue * 255, 0.0, 255.0)};
}

// Rounded to the nearest, or either way where the double is all but half way.
inline bool rounds_to(double value, int got) {
  return std::abs(value - got) <= 0.5 + 1e-3;
}

}  // namespace fovea::test
