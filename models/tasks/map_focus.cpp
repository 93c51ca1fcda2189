#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "fovea/error.h"
#include "fovea/generate.h"

namespace fovea {
namespace {

// What speaks against has none.
double mass_at(const AttentionMap& map, uint32_t row, uint32_t col) {
  return std::max(0.0, double{map.values[size_t{row} * map.cols + col]});
}

// Sums over rectangles of cells that begin at the top left.
class Sums {
 public:
  explicit Sums(const AttentionMap& map) : cols_(map.cols + 1), sums_(size_t{map.rows + 1} * cols_) {
    for (uint32_t row = 0; row < map.rows; ++row)
      for (uint32_t col = 0; col < map.cols; ++col)
        sums_[at(row + 1, col + 1)] =
            mass_at(map, row, col) + sums_[at(row, col + 1)] + sums_[at(row + 1, col)] - sums_[at(row, col)];
  }
  double of(uint32_t top, uint32_t left, uint32_t rows, uint32_t cols) const {
    return sums_[at(top + rows, left + cols)] - sums_[at(top, left + cols)] - sums_[at(top + rows, left)] +
           sums_[at(top, left)];
  }

 private:
  size_t at(uint32_t row, uint32_t col) const { return size_t{row} * cols_ + col; }

  uint32_t cols_;
  std::vector<double> sums_;
};

struct Cells {
  uint32_t top = 0, left = 0, rows = 0, cols = 0;
  double mass = 0;
  uint64_t area() const { return uint64_t{rows} * cols; }
};

Cells smallest_with(const AttentionMap& map, double mass) {
  const Sums sums(map);
  Cells best{0, 0, map.rows, map.cols, sums.of(0, 0, map.rows, map.cols)};
  for (uint32_t rows = 1; rows <= map.rows; ++rows)
    for (uint32_t cols = 1; cols <= map.cols && uint64_t{rows} * cols <= best.area(); ++cols)
      for (uint32_t top = 0; top + rows <= map.rows; ++top)
        for (uint32_t left = 0; left + cols <= map.cols; ++left) {
          const Cells here{top, left, rows, cols, sums.of(top, left, rows, cols)};
          // More by rounding alone is no more.
          if (here.mass >= mass && (here.area() < best.area() || here.mass > best.mass * (1 + 1e-12)))
            best = here;
        }
  return best;
}

}  // namespace

std::optional<MapFocus> focus_of(const AttentionMap& map, const Region& seen, double share) {
  if (!(share > 0 && share <= 1))
    throw Error(ErrorKind::usage, fmt::format("[focus] a share of {}: want above 0 and up to 1", share));
  if (map.values.size() != size_t{map.rows} * map.cols)
    throw Error(ErrorKind::usage,
                fmt::format("[focus] {} values for {}×{} cells", map.values.size(), map.rows, map.cols));
  double mass = 0, x = 0, y = 0;
  for (uint32_t row = 0; row < map.rows; ++row)
    for (uint32_t col = 0; col < map.cols; ++col) {
      const float held = map.values[size_t{row} * map.cols + col];
      if (!std::isfinite(held))
        throw Error(ErrorKind::usage,
                    fmt::format("[focus] cell ({}, {}) holds {}: want a number", row, col, held));
      const double value = mass_at(map, row, col);
      mass += value;
      x += value * (col + 0.5);
      y += value * (row + 0.5);
    }
  if (mass == 0) return std::nullopt;
  const double wide = seen.width / map.cols, high = seen.height / map.rows;
  // Sums of parts and of the whole round differently.
  const Cells box = smallest_with(map, mass * share * (1 - 1e-12));
  return MapFocus{seen.x + x / mass * wide,
                  seen.y + y / mass * high,
                  {seen.x + box.left * wide, seen.y + box.top * high, box.cols * wide, box.rows * high}};
}

}  // namespace fovea
