#include "runtime/ops/maps/outlier_filter.h"

#include <algorithm>
#include <numeric>

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

Numbers filtered(const Numbers& map, int rows, int cols, double sigma, double& nearest) {
  const double cells = rows * cols, mean = std::accumulate(map.begin(), map.end(), 0.0) / cells;
  double variance = 0;
  for (const double v : map) variance += (v - mean) * (v - mean) / cells;
  const double most = sigma * std::sqrt(variance);
  const auto is_outlier = [&](double v) { return std::abs(v - mean) > most; };
  Numbers out = map;
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c) {
      double& v = out[static_cast<size_t>(r * cols + c)];
      nearest = std::min(nearest, std::abs(std::abs(v - mean) - most));
      if (!is_outlier(v)) continue;
      Numbers around;
      for (int i = std::max(r - 1, 0); i < std::min(r + 2, rows); ++i)
        for (int j = std::max(c - 1, 0); j < std::min(c + 2, cols); ++j)
          if (const double n = map[static_cast<size_t>(i * cols + j)]; (i != r || j != c) && !is_outlier(n))
            around.push_back(n);
      std::sort(around.begin(), around.end());
      const size_t n = around.size();
      v = n == 0 ? mean : n % 2 == 1 ? around[n / 2] : (around[n / 2 - 1] + around[n / 2]) / 2;
    }
  return out;
}

TEST_CASE("outlier_filter") {
  for (const auto& [rows, cols] : {std::pair{1, 1}, {1, 7}, {5, 1}, {4, 6}, {14, 14}, {24, 24}})
    for (const double sigma : {0.5, 1.0, 1.5, 3.0})
      for (const uint32_t first : {0U, 3U}) {
        CAPTURE(rows);
        CAPTURE(cols);
        CAPTURE(sigma);
        CAPTURE(first);
        const auto cells = static_cast<uint32_t>(rows * cols), tokens = cells + first;
        Values x = random_values({2, tokens}, DType::f32, tokens);
        for (size_t i = 0; i < x.numbers.size(); i += 29) x.numbers[i] *= 20;  // that stand out
        Expected want;
        double nearest = INFINITY;  // to the threshold: too near, and fp32 may decide otherwise
        for (size_t image = 0; image < 2; ++image) {
          const auto at = x.numbers.begin() + static_cast<std::ptrdiff_t>(image * tokens + first);
          const Numbers map(at, at + cells), out = filtered(map, rows, cols, sigma, nearest);
          want.values.insert(want.values.end(), out.begin(), out.end());
        }
        want.bounds.assign(want.values.size(), 1e-5);
        if (cells > 1) REQUIRE(nearest > 1e-5);
        Case c;
        const Tensor y = ops::outlier_filter(c.recorder, c.input(x), first, static_cast<uint32_t>(rows),
                                             static_cast<uint32_t>(cols), static_cast<float>(sigma));
        CHECK(y.shape == Shape{2, cells});
        check_close(c.run(y), want, DType::f32);
      }
}

TEST_CASE("outlier_filter takes the median around an outlier, and leaves outliers out of it") {
  const Numbers map{1, 2,  3,  4,  //
                    5, 90, 95, 6,  //
                    7, 8,  9,  10};
  Case c;
  const Tensor x = c.input(values_of({1, 12}, DType::f32, map));
  // Mean 20, standard deviation 32.5: 90 and 95 lie beyond two of them.
  CHECK(c.run(ops::outlier_filter(c.recorder, x, 0, 3, 4, 2)) ==
        Numbers{1, 2, 3, 4, 5, 5, 6, 6, 7, 8, 9, 10});
  CHECK_THROWS_WITH_AS(ops::outlier_filter(c.recorder, x, 1, 3, 4, 2),
                       doctest::Contains("[outlier_filter] x is [1, 12], a map of 3 × 4 cells from 1"),
                       Error);
  CHECK_THROWS_AS(ops::outlier_filter(c.recorder, x, 0, 3, 4, NAN), Error);
}

}  // namespace
}  // namespace fovea::test
