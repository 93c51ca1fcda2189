#include "models/nn/position_embedding.h"

#include <algorithm>
#include <cmath>

namespace fovea::layers {
namespace {

// Keys 1981, eq. 15, of which a = −0.5 is the one that he ends with.
double bicubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

struct Window {
  uint32_t first;
  std::vector<double> weights;
};

std::vector<Window> smoothed(uint32_t from, uint32_t to) {
  const double scale = static_cast<double>(from) / to, widening = std::max(scale, 1.0),
               support = 2 * widening;
  std::vector<Window> out;
  for (uint32_t i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    const auto first = static_cast<uint32_t>(std::max(center - support + 0.5, 0.0));
    const auto last = static_cast<uint32_t>(std::min(center + support + 0.5, static_cast<double>(from)));
    Window w{first, {}};
    double sum = 0;
    for (uint32_t j = first; j < last; ++j) {
      w.weights.push_back(bicubic((j + 0.5 - center) / widening, -0.5));
      sum += w.weights.back();
    }
    for (double& weight : w.weights) weight /= sum;
    out.push_back(std::move(w));
  }
  return out;
}

std::vector<Window> sampled(uint32_t from, uint32_t to) {
  std::vector<Window> out;
  for (uint32_t i = 0; i < to; ++i) {
    const double center = (i + 0.5) * from / to - 0.5;
    const auto clamped = [&](double j) {
      return static_cast<uint32_t>(std::clamp(j, 0.0, static_cast<double>(from - 1)));
    };
    const double before = std::floor(center);
    Window w{clamped(before - 1), std::vector<double>(clamped(before + 2) - clamped(before - 1) + 1)};
    for (const double j : {before - 1, before, before + 1, before + 2})
      w.weights[clamped(j) - w.first] += bicubic(center - j, -0.75);
    out.push_back(std::move(w));
  }
  return out;
}

}  // namespace

std::vector<float> resample_positions(std::span<const float> table, uint32_t rows, uint32_t cols,
                                      uint32_t to_rows, uint32_t to_cols, uint32_t width, Bicubic kernel) {
  if (rows == to_rows && cols == to_cols) return {table.begin(), table.end()};
  const auto windows = kernel == Bicubic::smoothed ? &smoothed : &sampled;
  const auto across = windows(cols, to_cols), down = windows(rows, to_rows);
  std::vector<double> wide(size_t{rows} * to_cols * width);  // [rows, to_cols, width]
  for (uint32_t y = 0; y < rows; ++y)
    for (uint32_t x = 0; x < to_cols; ++x)
      for (size_t j = 0; j < across[x].weights.size(); ++j)
        for (uint32_t c = 0; c < width; ++c)
          wide[(size_t{y} * to_cols + x) * width + c] +=
              across[x].weights[j] * double{table[(size_t{y} * cols + across[x].first + j) * width + c]};
  std::vector<float> out(size_t{to_rows} * to_cols * width);
  std::vector<double> sums(width);
  for (uint32_t y = 0; y < to_rows; ++y)
    for (uint32_t x = 0; x < to_cols; ++x) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (size_t j = 0; j < down[y].weights.size(); ++j)
        for (uint32_t c = 0; c < width; ++c)
          sums[c] += down[y].weights[j] * wide[((down[y].first + j) * to_cols + x) * width + c];
      for (uint32_t c = 0; c < width; ++c)
        out[(size_t{y} * to_cols + x) * width + c] = static_cast<float>(sums[c]);
    }
  return out;
}

}  // namespace fovea::layers
