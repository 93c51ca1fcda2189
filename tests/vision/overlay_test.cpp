// The overlay against bilinear interpolation and blending in double precision, pixel by pixel.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "fovea/error.h"
#include "runtime/vk/device.h"
#include "vision/colormap.h"
#include "vision/overlay.h"

using fovea::AttentionMap;
using fovea::Colormap;
using fovea::ImageView;
using fovea::PixelFormat;
using fovea::Region;

namespace {

fovea::gpu::Device& device() {
  static const auto opened = fovea::gpu::Device::open("");
  return *opened;
}

struct Picture {
  ImageView view;
  std::vector<uint8_t> bytes;
  Picture(uint32_t width, uint32_t height, PixelFormat format, uint32_t padding = 0) {
    view = {nullptr, width, height, 0, format};
    view.row_bytes = size_t{width} * view.channels() + padding;
    bytes.resize(view.row_bytes * height);
    uint32_t state = 12345;
    for (uint8_t& b : bytes) b = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
    view.pixels = bytes.data();
  }
  int at(uint32_t x, uint32_t y, uint32_t rgb) const {
    const uint8_t* row = bytes.data() + y * view.row_bytes;
    if (view.format == PixelFormat::gray8) return row[x];
    return row[x * 3 + (view.format == PixelFormat::bgr8 ? 2 - rgb : rgb)];
  }
};

AttentionMap map_of(uint32_t rows, uint32_t cols) {
  AttentionMap map{rows, cols, {}};
  for (uint32_t i = 0; i < rows * cols; ++i)
    map.values.push_back(static_cast<float>((i * 37 + 11) % 64) / 64 - 0.25F);
  return map;
}

// How far each result may be from the truth: a colour index on the edge between two may be either.
struct Range {
  int low = 255, high = 0;
};

Range expected(const Picture& p, const AttentionMap& map, const Region& region, float alpha,
               const std::array<uint32_t, 256>& table, uint32_t x, uint32_t y, uint32_t c) {
  const double u = (x + 0.5 - region.x) / region.width * map.cols;
  const double v = (y + 0.5 - region.y) / region.height * map.rows;
  const double edge = 1e-3;
  Range range;
  const auto allow = [&](double value) {
    for (const double slack : {-1e-3, 1e-3}) {
      const int rounded = std::clamp(static_cast<int>(std::floor(value + 0.5 + slack)), 0, 255);
      range.low = std::min(range.low, rounded);
      range.high = std::max(range.high, rounded);
    }
  };
  const auto within = [&](double margin) {
    return u >= -margin && u < map.cols + margin && v >= -margin && v < map.rows + margin;
  };
  if (!within(-edge)) allow((1 - 0.5 * double{alpha}) * p.at(x, y, c));
  if (!within(edge)) return range;
  const auto cell = [&](int row, int col) {
    row = std::clamp(row, 0, static_cast<int>(map.rows) - 1);
    col = std::clamp(col, 0, static_cast<int>(map.cols) - 1);
    return double{map.values[static_cast<size_t>(row) * map.cols + static_cast<size_t>(col)]};
  };
  const int row = static_cast<int>(std::floor(v - 0.5)), col = static_cast<int>(std::floor(u - 0.5));
  const double down = v - 0.5 - row, across = u - 0.5 - col;
  const double value = (1 - down) * ((1 - across) * cell(row, col) + across * cell(row, col + 1)) +
                       down * ((1 - across) * cell(row + 1, col) + across * cell(row + 1, col + 1));
  const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
  const double level = *high > *low ? (value - double{*low}) / (double{*high} - double{*low}) : 0;
  for (const double slack : {-0.02, 0.02}) {
    const auto index = static_cast<size_t>(std::clamp(std::floor(level * 255 + 0.5 + slack), 0.0, 255.0));
    allow((1 - double{alpha}) * p.at(x, y, c) + double{alpha} * (table[index] >> (8 * c) & 255U));
  }
  return range;
}

int wrong(const Picture& p, const AttentionMap& map, const Region& region, float alpha, Colormap colormap,
          fovea::MapOverlay& overlay) {
  const auto got = overlay.draw(p.view, map, region, {alpha, colormap});
  REQUIRE(got.size() == size_t{p.view.width} * p.view.height * 3);
  int count = 0, loose = 0;
  const auto table = fovea::colormap_table(colormap);
  for (uint32_t y = 0; y < p.view.height; ++y)
    for (uint32_t x = 0; x < p.view.width; ++x)
      for (uint32_t c = 0; c < 3; ++c) {
        const int value = got[(size_t{y} * p.view.width + x) * 3 + c];
        const Range range = expected(p, map, region, alpha, table, x, y, c);
        if (value < range.low || value > range.high) ++count;
        if (range.low != range.high) ++loose;
      }
  CHECK(loose * 5 < static_cast<int>(got.size()) + 20);  // else the comparison would prove little
  return count;
}

}  // namespace

TEST_CASE("every size, format and region is drawn as the double-precision reference has it") {
  struct Size {
    uint32_t width, height;
  };
  for (const Size size : {Size{1, 1}, {2, 3}, {13, 7}, {7, 13}, {500, 333}})
    for (const auto format : {PixelFormat::rgb8, PixelFormat::bgr8, PixelFormat::gray8})
      for (const int where : {0, 1, 2}) {
        CAPTURE(size.width);
        CAPTURE(size.height);
        CAPTURE(static_cast<int>(format));
        CAPTURE(where);
        const double w = size.width, h = size.height;
        const Region region = where == 0   ? Region{0, 0, w, h}
                              : where == 1 ? Region{0.13 * w, 0.21 * h, 0.61 * w, 0.57 * h}
                                           : Region{-0.31 * w, 0.47 * h, 0.83 * w, 0.91 * h};  // partly off
        const Picture picture(size.width, size.height, format, size.width % 5);
        fovea::MapOverlay whole(device()), strips(device(), size.width < 100 ? 64 : 40000);
        CHECK(wrong(picture, map_of(5, 9), region, 0.6F, Colormap::viridis, whole) == 0);
        CHECK(wrong(picture, map_of(14, 14), region, 0.35F, Colormap::gray, strips) == 0);
      }
}

TEST_CASE("maps of one value, of one cell and with odd values are drawn") {
  fovea::MapOverlay overlay(device());
  const Picture picture(21, 10, PixelFormat::rgb8);
  const Region all{0, 0, 21, 10};
  CHECK(wrong(picture, {3, 4, std::vector<float>(12, 0.7F)}, all, 1.0F, Colormap::jet, overlay) == 0);
  CHECK(wrong(picture, {1, 1, {5.0F}}, all, 0.55F, Colormap::inferno, overlay) == 0);
  CHECK(wrong(picture, map_of(3, 2), all, 0.0F, Colormap::turbo, overlay) == 0);
  // NaN and infinity neither crash nor widen the range of the other values.
  AttentionMap odd{
      2, 2, {0, 1, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}};
  const auto got = overlay.draw(picture.view, odd, all, {1.0F, Colormap::gray});
  CHECK(int{got[0]} == 0);
  CHECK(int{got[20 * 3]} == 255);
}

TEST_CASE("a hot cell glows at its row and column") {
  AttentionMap map{4, 8, std::vector<float>(32, 0.0F)};
  map.values[1 * 8 + 6] = 1;
  const Picture picture(80, 40, PixelFormat::gray8);
  fovea::MapOverlay overlay(device());
  const auto got = overlay.draw(picture.view, map, {0, 0, 80, 40}, {1.0F, Colormap::gray});
  for (uint32_t y = 0; y < 40; ++y)
    for (uint32_t x = 0; x < 80; ++x) {
      const bool near = std::abs(static_cast<int>(x) - 65) < 12 && std::abs(static_cast<int>(y) - 15) < 12;
      if (!near) CHECK(int{got[(size_t{y} * 80 + x) * 3]} == 0);
    }
  CHECK(int{got[(size_t{15} * 80 + 65) * 3]} > 220);
}

TEST_CASE("what cannot be drawn is refused with the numbers") {
  fovea::MapOverlay overlay(device());
  const Picture picture(4, 4, PixelFormat::rgb8);
  const auto map = map_of(2, 2);
  CHECK_THROWS_AS(overlay.draw({}, map, {0, 0, 4, 4}, {}), fovea::Error);
  CHECK_THROWS_WITH_AS(overlay.draw(picture.view, {2, 3, {1.0F}}, {0, 0, 4, 4}, {}),
                       doctest::Contains("2 × 3 cells with 1 values"), fovea::Error);
  CHECK_THROWS_AS(overlay.draw(picture.view, map, {0, 0, 0, 4}, {}), fovea::Error);
  CHECK_THROWS_AS(overlay.draw(picture.view, map, {0, 0, std::nan(""), 4}, {}), fovea::Error);
  CHECK_THROWS_WITH_AS(overlay.draw(picture.view, map, {0, 0, 4, 4}, {1.5F, Colormap::jet}),
                       doctest::Contains("1.5"), fovea::Error);
}

TEST_CASE("colour tables run from dark to bright and differ") {
  const auto brightness = [](uint32_t c) {
    return 0.2126 * (c & 255U) + 0.7152 * (c >> 8 & 255U) + 0.0722 * (c >> 16 & 255U);
  };
  for (const auto colormap : {Colormap::viridis, Colormap::inferno, Colormap::gray}) {
    const auto table = fovea::colormap_table(colormap);
    for (size_t i = 1; i < table.size(); ++i) CHECK(brightness(table[i]) >= brightness(table[i - 1]) - 0.5);
  }
  CHECK_THROWS_AS(fovea::colormap_table(static_cast<Colormap>(9)), fovea::Error);
}

TEST_CASE("Colormaps have the published colours") {
  struct Known {
    Colormap colormap;
    size_t level;
    std::array<uint32_t, 3> rgb;
  };
  // viridis and inferno as Smith and van der Walt published them, turbo as Mikhailov did, jet and gray by
  // their linear pieces.
  const Known known[] = {
      {Colormap::viridis, 0, {68, 1, 84}},      {Colormap::viridis, 64, {59, 82, 139}},
      {Colormap::viridis, 128, {33, 145, 140}}, {Colormap::viridis, 192, {94, 201, 98}},
      {Colormap::viridis, 255, {253, 231, 37}}, {Colormap::inferno, 0, {0, 0, 4}},
      {Colormap::inferno, 64, {87, 16, 110}},   {Colormap::inferno, 128, {188, 55, 84}},
      {Colormap::inferno, 192, {249, 142, 9}},  {Colormap::inferno, 255, {252, 255, 164}},
      {Colormap::turbo, 0, {48, 18, 59}},       {Colormap::turbo, 32, {70, 107, 227}},
      {Colormap::turbo, 96, {50, 242, 152}},    {Colormap::turbo, 128, {164, 252, 60}},
      {Colormap::turbo, 192, {251, 126, 33}},   {Colormap::turbo, 255, {122, 4, 3}},
      {Colormap::jet, 0, {0, 0, 128}},          {Colormap::jet, 32, {0, 0, 255}},
      {Colormap::jet, 64, {0, 128, 255}},       {Colormap::jet, 255, {128, 0, 0}},
      {Colormap::gray, 0, {0, 0, 0}},           {Colormap::gray, 77, {77, 77, 77}},
      {Colormap::gray, 255, {255, 255, 255}},
  };
  for (const Known& k : known) {
    CAPTURE(to_string(k.colormap));
    CAPTURE(k.level);
    CHECK(fovea::colormap_table(k.colormap)[k.level] == (k.rgb[0] | k.rgb[1] << 8 | k.rgb[2] << 16));
  }
}
