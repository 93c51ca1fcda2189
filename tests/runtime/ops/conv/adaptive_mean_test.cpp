#include "runtime/ops/conv/adaptive_mean.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

// The windows' ends in floating point; bounds as of any mean (reference.h).
Expected adaptive_mean(const Numbers& x, const Shape& shape, uint32_t rows, uint32_t cols) {
  const size_t height = shape[1], width = shape[2], channels = shape[3];
  Expected y;
  for (size_t n = 0; n < shape[0]; ++n)
    for (uint32_t i = 0; i < rows; ++i)
      for (uint32_t j = 0; j < cols; ++j)
        for (size_t c = 0; c < channels; ++c) {
          const double top = std::floor(static_cast<double>(i) * shape[1] / rows),
                       bottom = std::ceil((i + 1.0) * shape[1] / rows);
          const double left = std::floor(static_cast<double>(j) * shape[2] / cols),
                       right = std::ceil((j + 1.0) * shape[2] / cols);
          const double count = (bottom - top) * (right - left);
          double sum = 0, magnitude = 0;
          for (auto a = static_cast<size_t>(top); static_cast<double>(a) < bottom; ++a)
            for (auto b = static_cast<size_t>(left); static_cast<double>(b) < right; ++b) {
              const double value = x[((n * height + a) * width + b) * channels + c];
              sum += value;
              magnitude += std::abs(value);
            }
          y.add(sum / count, (count * u + 2.5 * ulp) * magnitude / count);
        }
  return y;
}

TEST_CASE("adaptive_mean over sizes that divide, overlap and repeat") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 2U})
      for (const uint32_t height : {1U, 3U, 7U, 14U, 25U})
        for (const uint32_t width : {1U, 5U, 28U})
          for (const uint32_t channels : {1U, 4U, 10U, 64U})
            for (const uint32_t rows : {1U, 7U}) {
              const uint32_t cols = rows == 7 ? 7 : 4;
              CAPTURE(name_of(dtype));
              CAPTURE(fmt::format("[{}, {}, {}, {}] to {}×{}", images, height, width, channels, rows, cols));
              const Values x = random_values({images, height, width, channels}, dtype, height, 1, 0.5);
              Case c;
              const Tensor y = ops::adaptive_mean(c.recorder, c.input(x), rows, cols);
              CHECK(y.shape == Shape{images, rows, cols, channels});
              check_close(c.run(y), adaptive_mean(x.numbers, x.shape, rows, cols), dtype);
            }
}

TEST_CASE("adaptive_mean rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 4, 7}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(ops::adaptive_mean(c.recorder, x, 7, 7),
                       doctest::Contains("[adaptive_mean] x is [1, 4, 7] to 7×7"), Error);
}

}  // namespace
}  // namespace fovea::test
