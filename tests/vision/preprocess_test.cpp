// Preprocessing against numbers that PIL 9.4 gave, and against a resampler written for clarity alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/half.h"
#include "fovea/error.h"
#include "runtime/vk/device.h"
#include "vision/preprocess.h"
#include "vision/preprocess_plan.h"

using fovea::ImageView;
using fovea::PixelFormat;
using fovea::io::CropMode;
using fovea::io::Interpolation;
using fovea::io::PreprocessConfig;

namespace {

fovea::gpu::Device& device() {
  static const auto opened = fovea::gpu::Device::open("");
  return *opened;
}

struct Picture {
  uint32_t width, height;
  PixelFormat format;
  size_t row_bytes;
  std::vector<uint8_t> bytes;

  Picture(uint32_t w, uint32_t h, PixelFormat f = PixelFormat::rgb8, uint32_t padding = 0)
      : width(w), height(h), format(f) {
    const uint32_t channels = f == PixelFormat::gray8 ? 1 : 3;
    row_bytes = size_t{w} * channels + padding;
    bytes.assign(row_bytes * h, 77);
    for (uint32_t y = 0; y < h; ++y)
      for (uint32_t x = 0; x < w; ++x)
        for (uint32_t c = 0; c < channels; ++c)
          bytes[y * row_bytes + x * channels + c] =
              static_cast<uint8_t>(37 * x + 101 * y + 59 * c + 13 * x * y);
  }
  ImageView view() const { return {bytes.data(), width, height, row_bytes, format}; }
  int at(uint32_t x, uint32_t y, uint32_t rgb) const {
    if (format == PixelFormat::gray8) return bytes[y * row_bytes + x];
    return bytes[y * row_bytes + x * 3 + (format == PixelFormat::bgr8 ? 2 - rgb : rgb)];
  }
};

// One sample of a resized line, from the definition: every input sample weighted, no tables.
template <class Sample>
int resampled(Interpolation filter, uint32_t in, uint32_t out, uint32_t i, const Sample& sample) {
  const double scale = double(in) / out, wide = scale > 1 ? scale : 1, center = (i + 0.5) * scale;
  const double reach = (filter == Interpolation::bicubic ? 2.0 : 1.0) * wide;
  const int begin = std::max(0, int(std::floor(center - reach + 0.5)));
  const int end = std::min(int(in), int(std::floor(center + reach + 0.5)));
  const auto weight = [&](int x) {
    const double d = std::fabs((x + 0.5 - center) / wide);
    if (filter == Interpolation::bilinear) return d < 1 ? 1 - d : 0.0;
    if (d < 1) return 1.5 * d * d * d - 2.5 * d * d + 1;
    return d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2 : 0.0;
  };
  double sum = 0;
  for (int x = begin; x < end; ++x) sum += weight(x);
  int64_t fixed = 0;
  for (int x = begin; x < end; ++x)
    fixed += std::llround(weight(x) / sum * 4194304.0) * sample(static_cast<uint32_t>(x));
  return static_cast<int>(std::clamp<int64_t>((fixed + 2097152) >> 22, 0, 255));
}

std::vector<uint8_t> squashed(const Picture& p, Interpolation filter, uint32_t out_width,
                              uint32_t out_height) {
  std::vector<uint8_t> out;
  for (uint32_t c = 0; c < 3; ++c)
    for (uint32_t y = 0; y < out_height; ++y)
      for (uint32_t x = 0; x < out_width; ++x)
        out.push_back(static_cast<uint8_t>(resampled(filter, p.height, out_height, y, [&](uint32_t row) {
          return resampled(filter, p.width, out_width, x,
                           [&](uint32_t column) { return p.at(column, row, c); });
        })));
  return out;
}

PreprocessConfig config_of(uint32_t height, uint32_t width, double crop_pct, CropMode mode,
                           Interpolation filter) {
  PreprocessConfig c;
  c.height = height;
  c.width = width;
  c.crop_pct = crop_pct;
  c.crop_mode = mode;
  c.interpolation = filter;
  return c;
}

}  // namespace

TEST_CASE("every filter gives PIL's pixels") {
  const Picture picture(9, 6);
  const std::vector<std::pair<Interpolation, std::array<int, 16>>> golden = {
      {Interpolation::nearest, {74, 111, 185, 222, 72, 135, 5, 68, 199, 19, 171, 247, 197, 43, 247, 93}},
      {Interpolation::bilinear,
       {113, 141, 142, 149, 113, 149, 87, 117, 137, 112, 143, 143, 142, 126, 178, 129}},
      {Interpolation::bicubic,
       {116, 143, 145, 155, 107, 161, 71, 113, 141, 104, 151, 146, 140, 124, 188, 126}},
      {Interpolation::lanczos,
       {124, 143, 147, 158, 108, 166, 63, 112, 133, 100, 163, 137, 137, 129, 191, 125}},
      {Interpolation::box, {138, 139, 140, 142, 72, 167, 5, 100, 135, 131, 126, 122, 197, 94, 247, 144}},
      {Interpolation::hamming, {99, 141, 150, 161, 95, 160, 67, 106, 157, 83, 144, 175, 152, 104, 192, 124}}};
  for (const auto& entry : golden) {
    const auto& [filter, want] = entry;
    CAPTURE(static_cast<int>(entry.first));  // Clang < 16 captures no structured bindings
    fovea::Preprocessor p(device(), config_of(4, 4, 1.0, CropMode::center, filter));
    const auto got = p.pixels(picture.view());
    REQUIRE(got.size() == 48);
    for (size_t i = 0; i < 16; ++i) CHECK(int{got[i]} == want[i]);
  }
  fovea::Preprocessor larger(device(), config_of(12, 12, 1.0, CropMode::center, Interpolation::bicubic));
  const auto got = larger.pixels(picture.view());
  const std::array<int, 12> green_row_5 = {94, 102, 130, 174, 150, 54, 31, 76, 98, 96, 115, 154};
  for (size_t i = 0; i < 12; ++i) CHECK(int{got[144 + 5 * 12 + i]} == green_row_5[i]);
}

TEST_CASE("pixels equal the plain resampler's for every format, stride and way of cutting into strips") {
  struct Case {
    uint32_t width, height, out_width, out_height;
  };
  for (const Case c : {Case{1, 1, 5, 3}, {2, 7, 6, 6}, {13, 7, 5, 9}, {40, 31, 17, 12}, {67, 129, 32, 30}})
    for (const auto format : {PixelFormat::rgb8, PixelFormat::bgr8, PixelFormat::gray8})
      for (const auto filter : {Interpolation::bilinear, Interpolation::bicubic})
        for (const uint64_t strip_bytes : {2700U, 1U << 20}) {
          CAPTURE(c.width);
          CAPTURE(static_cast<int>(format));
          CAPTURE(strip_bytes);
          const Picture picture(c.width, c.height, format, c.width % 4);
          fovea::Preprocessor p(device(), config_of(c.out_height, c.out_width, 1.0, CropMode::squash, filter),
                                strip_bytes);
          CHECK(p.pixels(picture.view()) == squashed(picture, filter, c.out_width, c.out_height));
        }
}

TEST_CASE("more picture sizes than are kept, in turn, with the same results") {
  fovea::Preprocessor p(device(), config_of(8, 8, 1.0, CropMode::squash, Interpolation::bicubic));
  for (int round = 0; round < 2; ++round)
    for (uint32_t side = 3; side < 10; ++side) {
      const Picture picture(side, side + 2);
      CHECK(p.pixels(picture.view()) == squashed(picture, Interpolation::bicubic, 8, 8));
    }
}

TEST_CASE("the normalised picture goes into its slot and nowhere else") {
  auto config = config_of(6, 10, 1.0, CropMode::squash, Interpolation::bicubic);
  config.mean = {0.485F, 0.456F, 0.406F};
  config.std = {0.229F, 0.224F, 0.225F};
  const Picture picture(11, 9);
  fovea::Preprocessor p(device(), config);
  const auto pixels = p.pixels(picture.view());
  for (const auto dtype : {fovea::DType::f32, fovea::DType::f16}) {
    if (dtype == fovea::DType::f16 && !device().info().fp16_storage) continue;
    const size_t plane = 60, images = 3, size = element_bytes(dtype);
    // Memory that kernels write is read back through a mapping; without one the model's tests cover this.
    fovea::gpu::Buffer buffer(device(), images * 3 * plane * size, fovea::gpu::Memory::readback);
    std::memset(buffer.mapped(), 0x11, buffer.size());
    fovea::Tensor target;
    target.shape = {3, 3, 6, 10};
    target.dtype = dtype;
    target.buffer = &buffer;
    p.run(picture.view(), target, 1);
    p.forget_targets();
    for (size_t i = 0; i < images * 3 * plane; ++i) {
      const std::byte* at = buffer.mapped() + i * size;
      if (i / (3 * plane) != 1) {
        CHECK(std::all_of(at, at + size, [](std::byte b) { return b == std::byte{0x11}; }));
        continue;
      }
      const size_t local = i - 3 * plane, c = local / plane;
      const double want = (pixels[local] / 255.0 - double{config.mean[c]}) / double{config.std[c]};
      float got = 0;
      if (dtype == fovea::DType::f32) {
        std::memcpy(&got, at, 4);
        CHECK(std::abs(got - want) < 1e-6);
      } else {
        uint16_t half = 0;
        std::memcpy(&half, at, 2);
        got = fovea::half_to_float(half);
        CHECK(std::abs(got - want) < 2e-3);
      }
    }
  }
}

TEST_CASE("sizes, crops and regions as timm has them") {
  const auto center = config_of(224, 224, 0.9, CropMode::center, Interpolation::bicubic);
  auto plan = fovea::plan_preprocess(center, 375, 500);
  CHECK(plan.resized_height == 248);
  CHECK(plan.resized_width == 330);
  CHECK(plan.crop_top == 12);
  CHECK(plan.crop_left == 53);
  CHECK(plan.region.x == doctest::Approx(53 * 500.0 / 330));
  CHECK(plan.region.height == doctest::Approx(224 * 375.0 / 248));
  plan = fovea::plan_preprocess(config_of(7, 7, 1.0, CropMode::center, Interpolation::bicubic), 7, 12);
  CHECK(plan.crop_left == 2);  // 2.5, half to even
  plan = fovea::plan_preprocess(config_of(7, 7, 1.0, CropMode::center, Interpolation::bicubic), 14, 7);
  CHECK(plan.crop_top == 4);  // 3.5, half to even
  plan = fovea::plan_preprocess(center, 200, 10000);
  CHECK(plan.resized_width == 12400);
  CHECK(plan.columns.spans.size() == 224);
  CHECK(plan.columns.end() - plan.columns.begin() < 190);  // only what the crop shows
  plan = fovea::plan_preprocess(center, 65535, 1);
  CHECK(plan.resized_height == 248ULL * 65535);
  auto border = config_of(20, 20, 1.0, CropMode::border, Interpolation::box);
  border.mean = {0.5F, 0.485F, 0.0F};
  plan = fovea::plan_preprocess(border, 15, 40);
  CHECK(plan.resized_height == 8);  // 7.5, half to even
  CHECK(plan.top == 6);
  CHECK(plan.inner_height == 8);
  CHECK(plan.inner_width == 20);
  CHECK(plan.fill == std::array<uint8_t, 3>{128, 124, 0});
  CHECK(plan.region.y == doctest::Approx(-6 * 15.0 / 8));
}

TEST_CASE("what cannot be preprocessed is refused with the numbers") {
  const auto good = config_of(8, 8, 1.0, CropMode::center, Interpolation::bicubic);
  fovea::Preprocessor p(device(), good);
  const Picture picture(4, 4);
  auto view = picture.view();
  view.row_bytes = 11;
  CHECK_THROWS_WITH_AS(p.pixels(view), doctest::Contains("row_bytes is 11"), fovea::Error);
  view = {};
  CHECK_THROWS_AS(p.pixels(view), fovea::Error);
  CHECK_THROWS_WITH_AS(fovea::plan_preprocess(good, 1, 65536), doctest::Contains("65536"), fovea::Error);
  auto bad = good;
  bad.interpolation = static_cast<Interpolation>(9);
  CHECK_THROWS_WITH_AS(fovea::Preprocessor(device(), bad), doctest::Contains("interpolation 9"),
                       fovea::Error);
  bad = good;
  bad.crop_mode = static_cast<CropMode>(7);
  CHECK_THROWS_WITH_AS(fovea::Preprocessor(device(), bad), doctest::Contains("crop mode 7"), fovea::Error);
  bad = good;
  bad.crop_pct = 0;
  CHECK_THROWS_WITH_AS(fovea::Preprocessor(device(), bad), doctest::Contains("crop_pct 0"), fovea::Error);
  // A device that cannot hold the rows of one result row says so.
  fovea::Preprocessor tight(device(), good, 64);
  CHECK_THROWS_AS(tight.pixels(Picture(64, 64).view()), fovea::Error);
}
