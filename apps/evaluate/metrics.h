// How far a map is true: orders of cells, pictures with cells changed, areas under curves, and the baselines
// that any map must beat. Pictures are what the model takes, [3, height, width], normalised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fovea/maps.h"

namespace fovea::apps {

struct PictureSize {
  uint32_t height = 0, width = 0;
  size_t values() const { return size_t{3} * height * width; }
};

// Cells of a map, the highest first. Equal values come in a random order that follows from the seed: an order
// by place would favour the top of the picture. NaN comes last.
std::vector<uint32_t> order_of(const AttentionMap& map, uint32_t seed);

// Copies what lies under some cells of a rows × cols map from one picture to another.
void copy_cells(std::span<float> to, std::span<const float> from, PictureSize size, uint32_t rows,
                uint32_t cols, std::span<const uint32_t> cells);

// How many of `cells` are changed after `step` of `steps`.
size_t cells_at(size_t cells, uint32_t step, uint32_t steps);

// Area under a curve of equally spaced points by the trapezoid rule, its width taken as 1.
double area_under(std::span<const double> curve);

// The baselines. Random: the same values on every machine for a seed. Centre: a Gaussian whose standard
// deviation is a quarter of the map.
AttentionMap random_map(uint32_t rows, uint32_t cols, uint32_t seed);
AttentionMap centre_map(uint32_t rows, uint32_t cols);

// Quarters of a picture or map: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
// Writes a whole picture into a quarter of another, each of its pixels the mean of what it covers.
void put_in_quarter(std::span<float> to, std::span<const float> picture, PictureSize size, uint32_t quarter);
// The share of a map's positive values that lies in a quarter, cells on the border by area; 0 for a map
// without positive values.
double share_in_quarter(const AttentionMap& map, uint32_t quarter);

struct Estimate {
  double mean = 0, error = 0;  // standard error of the mean; 0 for fewer than two values
};
Estimate estimate_of(std::span<const double> values);
// Of a[i] − b[i].
Estimate difference_of(std::span<const double> a, std::span<const double> b);

}  // namespace fovea::apps
