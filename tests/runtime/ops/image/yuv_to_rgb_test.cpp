#include "runtime/ops/image/yuv_to_rgb.h"

#include <array>
#include <random>

#include "tests/reference/yuv.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

// Words of random bytes, the ends of their range more often than the rest.
std::vector<uint32_t> camera_words(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint32_t> out(count);
  for (uint32_t& word : out)
    for (uint32_t shift = 0; shift < 32; shift += 8) {
      const auto r = static_cast<uint32_t>(random());
      const std::array<uint32_t, 4> ends{0, 16, 235, 255};
      word |= (r % 8 == 0 ? ends[r / 8 % 4] : r / 256 % 256) << shift;
    }
  return out;
}

int wrong_values(uint32_t width, uint32_t height, bool planes) {
  const uint32_t words = ops::yuv_words(width, planes), lines = planes ? height + height / 2 : height;
  Recorder r(device());
  const Tensor frame = r.input({lines, words}, DType::u32, "frame"),
               target = r.temporary({height, ops::overlay_words(width, false)}, DType::u32, "rgb");
  ops::yuv_to_rgb(r, frame, planes, target);
  r.output(target);
  Program program = r.finish();
  const auto given = camera_words(size_t{lines} * words, width * 131 + height);
  program.write(frame, std::as_bytes(std::span(given)));
  program.run();
  std::vector<uint8_t> rgb(target.bytes());
  program.read(target, std::as_writable_bytes(std::span(rgb)));

  const YuvFrame whole{reinterpret_cast<const uint8_t*>(given.data()), size_t{words} * 4, height, planes};
  const size_t row_bytes = size_t{target.shape[1]} * 4;
  int wrong = 0;
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x) {
      const auto want = yuv_color(whole, x, y);
      for (uint32_t c = 0; c < 3; ++c)
        if (!rounds_to(want[c], rgb[y * row_bytes + x * 3 + c])) ++wrong;
    }
  return wrong;
}

TEST_CASE("yuv_to_rgb, planes and pairs of pixels, of many sizes") {
  struct Size {
    uint32_t width, height;
  };
  for (const Size s : {Size{2, 2}, {6, 4}, {18, 2}, {34, 6}, {130, 10}, {642, 6}}) {
    CAPTURE(fmt::format("{} × {}", s.width, s.height));
    CHECK(wrong_values(s.width, s.height, true) == 0);
    CHECK(wrong_values(s.width, s.height - 1, false) == 0);  // heights of YUYV may be odd
  }
}

TEST_CASE("yuv_to_rgb rejects what does not fit") {
  Recorder r(device());
  const Tensor target = r.temporary({6, 24}, DType::u32, "rgb");
  CHECK_THROWS_WITH_AS(ops::yuv_to_rgb(r, r.input({6, 8}, DType::u32, "frame"), true, target),
                       doctest::Contains("[yuv_to_rgb] frame is [6, 8]"), Error);
  CHECK_THROWS_AS(ops::yuv_to_rgb(r, r.input({6, 8}, DType::u32, "frame"), false, target), Error);
  CHECK_THROWS_AS(ops::yuv_to_rgb(r, r.input({9, 8}, DType::f32, "frame"), true, target), Error);
  const Tensor odd = r.temporary({5, 24}, DType::u32, "rgb");
  CHECK_THROWS_AS(ops::yuv_to_rgb(r, r.input({7, 8}, DType::u32, "frame"), true, odd), Error);
}

}  // namespace
}  // namespace fovea::test
