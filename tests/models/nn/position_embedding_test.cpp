#include "models/nn/position_embedding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace {

// The same resampling written as one 2-D sum an output, weights from the piecewise cubic directly.
double cubic(double t) {
  t = std::fabs(t);
  if (t <= 1) return 1.5 * t * t * t - 2.5 * t * t + 1;
  if (t < 2) return -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2;
  return 0;
}

double naive(const std::vector<float>& table, int rows, int cols, int to_rows, int to_cols, int width, int y,
             int x, int c) {
  const double sy = double(rows) / to_rows, sx = double(cols) / to_cols;
  const double wy = std::fmax(sy, 1), wx = std::fmax(sx, 1);
  double sum = 0, weights = 0;
  for (int j = 0; j < rows; ++j)
    for (int i = 0; i < cols; ++i) {
      const double w = cubic((j + 0.5 - (y + 0.5) * sy) / wy) * cubic((i + 0.5 - (x + 0.5) * sx) / wx);
      sum += w * double{table[static_cast<size_t>((j * cols + i) * width + c)]};
      weights += w;
    }
  return sum / weights;
}

// torch without antialias: four neighbours a side, coordinates clamped, a = −0.75.
double sharp(double t) {
  t = std::fabs(t);
  if (t <= 1) return 1.25 * t * t * t - 2.25 * t * t + 1;
  return -0.75 * t * t * t + 3.75 * t * t - 6 * t + 3;
}

double naive_sampled(const std::vector<float>& table, int rows, int cols, int to_rows, int to_cols, int width,
                     int y, int x, int c) {
  const double fy = (y + 0.5) * rows / to_rows - 0.5, fx = (x + 0.5) * cols / to_cols - 0.5;
  const int y0 = static_cast<int>(std::floor(fy)), x0 = static_cast<int>(std::floor(fx));
  double sum = 0;
  for (int j = y0 - 1; j <= y0 + 2; ++j)
    for (int i = x0 - 1; i <= x0 + 2; ++i) {
      const int row = std::min(std::max(j, 0), rows - 1), col = std::min(std::max(i, 0), cols - 1);
      sum +=
          sharp(fy - j) * sharp(fx - i) * double{table[static_cast<size_t>((row * cols + col) * width + c)]};
    }
  return sum;
}

using Naive = double (*)(const std::vector<float>&, int, int, int, int, int, int, int, int);

void compare(fovea::layers::Bicubic kernel, Naive expected) {
  for (const auto& [rows, cols, to_rows, to_cols] :
       {std::array{4, 4, 6, 3}, std::array{14, 14, 24, 24}, std::array{16, 16, 7, 5}, std::array{1, 1, 3, 2},
        std::array{5, 7, 5, 9}}) {
    const int width = 3;
    std::vector<float> table(static_cast<size_t>(rows * cols * width));
    for (size_t i = 0; i < table.size(); ++i)
      table[i] = static_cast<float>(std::sin(static_cast<double>(i) * 12.9898) * 2);
    const auto out = fovea::layers::resample_positions(
        table, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols), static_cast<uint32_t>(to_rows),
        static_cast<uint32_t>(to_cols), width, kernel);
    REQUIRE(out.size() == static_cast<size_t>(to_rows * to_cols * width));
    for (int y = 0; y < to_rows; ++y)
      for (int x = 0; x < to_cols; ++x)
        for (int c = 0; c < width; ++c)
          CHECK(double{out[static_cast<size_t>((y * to_cols + x) * width + c)]} ==
                doctest::Approx(expected(table, rows, cols, to_rows, to_cols, width, y, x, c)).epsilon(1e-6));
  }
}

}  // namespace

TEST_CASE("Positions are resampled bicubically with antialias") {
  compare(fovea::layers::Bicubic::smoothed, &naive);
}

TEST_CASE("Positions are resampled bicubically without antialias") {
  compare(fovea::layers::Bicubic::sampled, &naive_sampled);
}

TEST_CASE("The same grid is left untouched") {
  const std::vector<float> table{1, 2, 3, 4, 5, 6};
  CHECK(fovea::layers::resample_positions(table, 1, 3, 1, 3, 2) == table);
}
