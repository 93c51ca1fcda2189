// Pictures of noise, the same for the same state.
#pragma once

#include <cstdint>
#include <vector>

#include "fovea/image.h"

namespace pictures {

struct Picture {
  Picture(uint32_t width, uint32_t height, uint32_t state = 7)
      : pixels(size_t{width} * height * 3), w(width), h(height) {
    for (uint8_t& v : pixels) {
      state = state * 1664525U + 1013904223U;
      v = static_cast<uint8_t>(state >> 24);
    }
  }
  fovea::ImageView view() const { return {pixels.data(), w, h, size_t{w} * 3, fovea::PixelFormat::rgb8}; }
  std::vector<uint8_t> pixels;
  uint32_t w, h;
};

}  // namespace pictures
