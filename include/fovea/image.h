// 8-bit images as the library takes them: borrowed pixels and their layout.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea {

enum class PixelFormat {
  rgb8,
  bgr8,
  gray8,
  // As cameras have them, for Live: ITU-R BT.601, limited range (luma 16…235). Widths are even, and heights
  // of nv12.
  nv12,  // height rows of luma, then height / 2 rows of U V for each 2 × 2 pixels, all row_bytes apart
  yuyv,  // Y U Y V for each two pixels
};

// Borrowed pixels, row by row; nothing is copied until the image is handed to a Session.
struct ImageView {
  const uint8_t* pixels = nullptr;
  uint32_t width = 0, height = 0;
  size_t row_bytes = 0;  // distance between rows, at least line_bytes()
  PixelFormat format = PixelFormat::rgb8;

  uint32_t channels() const { return format == PixelFormat::gray8 ? 1 : 3; }  // of a pixel's colour
  // Bytes of a row, and rows of bytes.
  size_t line_bytes() const {
    const size_t each = format == PixelFormat::gray8 || format == PixelFormat::nv12 ? 1
                        : format == PixelFormat::yuyv                               ? 2
                                                                                    : 3;
    return size_t{width} * each;
  }
  size_t lines() const { return size_t{height} + (format == PixelFormat::nv12 ? height / 2 : 0); }
};

// Part of an image in its own pixel coordinates, edges included; may lie between pixels.
struct Region {
  double x = 0, y = 0, width = 0, height = 0;
};

}  // namespace fovea
