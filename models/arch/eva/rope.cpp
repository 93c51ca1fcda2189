#include "models/arch/eva/rope.h"

#include <cmath>
#include <numbers>

namespace fovea::rope {
namespace {

std::vector<double> places(uint32_t count, double offset, uint32_t reference) {
  std::vector<double> out;
  for (uint32_t i = 0; i < count; ++i)
    out.push_back(reference == 0 ? i + offset : (i + offset) / count * reference);
  return out;
}

// The same frequencies for both axes, one axis behind the other.
std::vector<double> axis_by_axis(std::span<const double> bands, bool columns_first) {
  std::vector<double> out;
  for (const bool second : {false, true})
    for (const double band : bands) {
      const bool columns = second != columns_first;
      out.push_back(columns ? 0 : band);
      out.push_back(columns ? band : 0);
    }
  return out;
}

}  // namespace

layers::Rotary::Grid axial(const Axial& rope, const GridSize& grid) {
  const uint32_t count = rope.head_width / 4;
  std::vector<double> bands;
  for (uint32_t i = 0; i < count; ++i)
    bands.push_back(std::pow(rope.temperature, -static_cast<double>(i) / count));
  layers::Rotary::Grid out;
  out.ys = places(grid.rows, rope.offset, rope.reference.rows);
  out.xs = places(grid.cols, rope.offset, rope.reference.cols);
  out.frequencies = axis_by_axis(bands, rope.columns_first);
  return out;
}

layers::Rotary::Grid mixed(std::span<const float> frequencies, uint32_t heads, bool columns_first,
                           const GridSize& grid) {
  layers::Rotary::Grid out;
  out.ys = places(grid.rows, 0, 0);
  out.xs = places(grid.cols, 0, 0);
  out.heads = heads;
  const size_t half = frequencies.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    out.frequencies.push_back(double{frequencies[columns_first ? half + i : i]});
    out.frequencies.push_back(double{frequencies[columns_first ? i : half + i]});
  }
  return out;
}

layers::Rotary::Grid centred(uint32_t head_width, double temperature, const GridSize& grid) {
  const auto centres = [](uint32_t count) {
    std::vector<double> out;
    for (uint32_t i = 0; i < count; ++i) out.push_back((i + 0.5) / count * 2 - 1);
    return out;
  };
  std::vector<double> bands;
  for (uint32_t i = 0; i < head_width / 4; ++i)
    bands.push_back(2 * std::numbers::pi * std::pow(temperature, -4.0 * i / head_width));
  layers::Rotary::Grid out;
  out.ys = centres(grid.rows);
  out.xs = centres(grid.cols);
  out.frequencies = axis_by_axis(bands, /*columns_first=*/false);
  out.pairs = ops::RopePairs::halves;
  return out;
}

}  // namespace fovea::rope
