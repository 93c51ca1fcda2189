#include "apps/evaluate/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

namespace fovea::apps {
namespace {

// What std::mt19937 gives is fixed by the standard, what distributions make of it is not.
double uniform(std::mt19937& random) {
  return static_cast<double>(random()) * 0x1p-32;
}

struct Span {
  uint32_t begin, end;
};

// Pixels of a cell along one axis.
Span pixels_of(uint32_t cell, uint32_t cells, uint32_t pixels) {
  return {static_cast<uint32_t>(uint64_t{cell} * pixels / cells),
          static_cast<uint32_t>((uint64_t{cell} + 1) * pixels / cells)};
}

// How much of cell `i` of `cells` lies in the first or second half.
double share_of_half(uint32_t i, uint32_t cells, bool second) {
  const double first = std::clamp(cells / 2.0 - i, 0.0, 1.0);
  return second ? 1 - first : first;
}

// One axis of a picture made smaller: output o is the weighted mean of source pixels, by area.
struct Tap {
  uint32_t first;
  std::vector<double> weights;
};
std::vector<Tap> area_taps(uint32_t source, uint32_t target) {
  std::vector<Tap> taps(target);
  const double scale = static_cast<double>(source) / target;
  for (uint32_t o = 0; o < target; ++o) {
    const double begin = o * scale, end = std::min<double>((o + 1) * scale, source);
    taps[o].first = static_cast<uint32_t>(begin);
    for (uint32_t i = taps[o].first; i < end && i < source; ++i)
      taps[o].weights.push_back((std::min<double>(i + 1, end) - std::max<double>(i, begin)) / scale);
  }
  return taps;
}

}  // namespace

std::vector<uint32_t> order_of(const AttentionMap& map, uint32_t seed) {
  std::vector<uint32_t> order(map.values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937 random(seed);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<size_t>(uniform(random) * static_cast<double>(i))]);
  const auto rank = [&](uint32_t cell) {
    return std::isnan(map.values[cell]) ? -INFINITY : map.values[cell];
  };
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return rank(a) > rank(b); });
  return order;
}

void copy_cells(std::span<float> to, std::span<const float> from, PictureSize size, uint32_t rows,
                uint32_t cols, std::span<const uint32_t> cells) {
  if (to.size() != size.values() || from.size() != size.values())
    throw std::logic_error("copy_cells: pictures of another size");
  for (const uint32_t cell : cells) {
    const Span y = pixels_of(cell / cols, rows, size.height), x = pixels_of(cell % cols, cols, size.width);
    for (uint32_t plane = 0; plane < 3; ++plane)
      for (uint32_t row = y.begin; row < y.end; ++row) {
        const size_t at = (size_t{plane} * size.height + row) * size.width;
        std::copy(from.begin() + static_cast<std::ptrdiff_t>(at + x.begin),
                  from.begin() + static_cast<std::ptrdiff_t>(at + x.end),
                  to.begin() + static_cast<std::ptrdiff_t>(at + x.begin));
      }
  }
}

size_t cells_at(size_t cells, uint32_t step, uint32_t steps) {
  return (2 * cells * step + steps) / (2 * size_t{steps});  // to the nearest
}

double area_under(std::span<const double> curve) {
  if (curve.size() < 2) return curve.empty() ? 0 : curve.front();
  double sum = (curve.front() + curve.back()) / 2;
  for (size_t i = 1; i + 1 < curve.size(); ++i) sum += curve[i];
  return sum / static_cast<double>(curve.size() - 1);
}

AttentionMap random_map(uint32_t rows, uint32_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  AttentionMap map{rows, cols, std::vector<float>(size_t{rows} * cols)};
  for (float& value : map.values) value = static_cast<float>(uniform(random));
  return map;
}

AttentionMap centre_map(uint32_t rows, uint32_t cols) {
  AttentionMap map{rows, cols, {}};
  const auto off = [](uint32_t i, uint32_t cells) { return ((i + 0.5) / cells - 0.5) / 0.25; };
  for (uint32_t row = 0; row < rows; ++row)
    for (uint32_t col = 0; col < cols; ++col) {
      const double y = off(row, rows), x = off(col, cols);
      map.values.push_back(static_cast<float>(std::exp(-(x * x + y * y) / 2)));
    }
  return map;
}

void put_in_quarter(std::span<float> to, std::span<const float> picture, PictureSize size, uint32_t quarter) {
  if (to.size() != size.values() || picture.size() != size.values() || quarter > 3)
    throw std::logic_error("put_in_quarter: pictures of another size");
  const bool right = quarter % 2 == 1, bottom = quarter / 2 == 1;
  const uint32_t top = bottom ? size.height / 2 : 0, left = right ? size.width / 2 : 0;
  const auto rows = area_taps(size.height, bottom ? size.height - top : size.height / 2);
  const auto cols = area_taps(size.width, right ? size.width - left : size.width / 2);
  for (uint32_t plane = 0; plane < 3; ++plane)
    for (uint32_t y = 0; y < rows.size(); ++y)
      for (uint32_t x = 0; x < cols.size(); ++x) {
        double sum = 0;
        for (size_t i = 0; i < rows[y].weights.size(); ++i)
          for (size_t j = 0; j < cols[x].weights.size(); ++j)
            sum += rows[y].weights[i] * cols[x].weights[j] *
                   double{picture[(size_t{plane} * size.height + rows[y].first + i) * size.width +
                                  cols[x].first + j]};
        to[(size_t{plane} * size.height + top + y) * size.width + left + x] = static_cast<float>(sum);
      }
}

double share_in_quarter(const AttentionMap& map, uint32_t quarter) {
  double inside = 0, total = 0;
  for (uint32_t row = 0; row < map.rows; ++row)
    for (uint32_t col = 0; col < map.cols; ++col) {
      const double value = std::max(0.0F, map.values[size_t{row} * map.cols + col]);
      total += value;
      inside += value * share_of_half(row, map.rows, quarter / 2 == 1) *
                share_of_half(col, map.cols, quarter % 2 == 1);
    }
  return total > 0 ? inside / total : 0;
}

Estimate estimate_of(std::span<const double> values) {
  Estimate out;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) out.mean += v / n;
  if (values.size() < 2) return out;
  double squares = 0;
  for (const double v : values) squares += (v - out.mean) * (v - out.mean);
  out.error = std::sqrt(squares / (n - 1) / n);
  return out;
}

Estimate difference_of(std::span<const double> a, std::span<const double> b) {
  std::vector<double> off(a.begin(), a.end());
  for (size_t i = 0; i < off.size(); ++i) off[i] -= b[i];
  return estimate_of(off);
}

}  // namespace fovea::apps
