// The sliding window of convolutions and pools.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace fovea::ops {

struct Window {
  uint32_t rows = 1, cols = 1, stride = 1, dilation = 1;
  uint32_t top = 0, left = 0, bottom = 0, right = 0;  // padding

  static Window square(uint32_t size, uint32_t stride = 1, uint32_t pad = 0, uint32_t dilation = 1) {
    return {size, size, stride, dilation, pad, pad, pad, pad};
  }
  bool operator==(const Window&) const = default;

  // Positions the window takes; 0 where it does not fit.
  uint32_t out_rows(uint32_t height) const { return positions(height, rows, top, bottom); }
  uint32_t out_cols(uint32_t width) const { return positions(width, cols, left, right); }

  // Whether every position of a kernel on [height, width], padding included, is an int on the device.
  bool fits(uint32_t height, uint32_t width) const {
    constexpr uint64_t most = 1U << 30;
    return rows != 0 && cols != 0 && stride != 0 && dilation != 0 &&
           uint64_t{top} + height + bottom <= most && uint64_t{left} + width + right <= most &&
           out_rows(height) != 0 && out_cols(width) != 0;
  }

 private:
  uint32_t positions(uint32_t size, uint32_t taps, uint32_t before, uint32_t after) const {
    if (taps == 0 || stride == 0) return 0;
    const uint64_t padded = uint64_t{size} + before + after, reach = uint64_t{taps - 1} * dilation + 1;
    return padded < reach ? 0 : static_cast<uint32_t>((padded - reach) / stride + 1);
  }
};

inline std::string to_string(const Window& w) {
  return fmt::format("{}x{} stride {} dilation {} padding {} {} {} {}", w.rows, w.cols, w.stride, w.dilation,
                     w.top, w.left, w.bottom, w.right);
}

}  // namespace fovea::ops
