// 8-bit images as the library takes them: borrowed pixels and their layout.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea {

enum class PixelFormat { rgb8, bgr8, gray8 };

// Borrowed pixels, row by row; nothing is copied until the image is handed to a Session.
struct ImageView {
  const uint8_t* pixels = nullptr;
  uint32_t width = 0, height = 0;
  size_t row_bytes = 0;  // distance between rows, at least width * channels
  PixelFormat format = PixelFormat::rgb8;

  uint32_t channels() const { return format == PixelFormat::gray8 ? 1 : 3; }
};

// Part of an image in its own pixel coordinates, edges included; may lie between pixels.
struct Region {
  double x = 0, y = 0, width = 0, height = 0;
};

}  // namespace fovea
