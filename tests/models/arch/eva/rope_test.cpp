// Angles of rotary positions against timm's tables (build_rotary_pos_embed, get_mixed_freqs,
// RotaryEmbeddingDinoV3).
#include "models/arch/eva/rope.h"

#include <doctest/doctest.h>

#include <cmath>

using fovea::rope::GridSize;

namespace {

// By which the token at (row, col) turns a pair of a head.
double angle(const fovea::layers::Rotary::Grid& grid, uint32_t row, uint32_t col, uint32_t head,
             uint32_t pair) {
  const size_t pairs = grid.frequencies.size() / 2 / grid.heads;
  const double* f = &grid.frequencies[(head * pairs + pair) * 2];
  return grid.ys.at(row) * f[0] + grid.xs.at(col) * f[1];
}

}  // namespace

TEST_CASE("Axial angles: half a head for each axis, scaled to the grid of the training") {
  // EVA-02 at 12 rows and 20 columns, trained at 16 x 16: rows first.
  auto grid = fovea::rope::axial({16, 10000, 0, {16, 16}, false}, {12, 20});
  CHECK(grid.pairs == fovea::ops::RopePairs::neighbours);
  REQUIRE(grid.frequencies.size() == 2 * 8);
  CHECK(angle(grid, 5, 7, 0, 0) == doctest::Approx(5.0 / 12 * 16));
  CHECK(angle(grid, 5, 7, 0, 3) == doctest::Approx(5.0 / 12 * 16 * std::pow(10000.0, -0.75)));
  CHECK(angle(grid, 5, 7, 0, 4) == doctest::Approx(7.0 / 20 * 16));
  CHECK(angle(grid, 5, 7, 0, 7) == doctest::Approx(7.0 / 20 * 16 * std::pow(10000.0, -0.75)));
  // Perception Encoder: columns first, counted from 1.
  grid = fovea::rope::axial({16, 10000, 1, {24, 24}, true}, {12, 20});
  CHECK(angle(grid, 5, 7, 0, 0) == doctest::Approx(8.0 / 20 * 24));
  CHECK(angle(grid, 5, 7, 0, 4) == doctest::Approx(6.0 / 12 * 24));
  // RoPE-ViT: not scaled.
  grid = fovea::rope::axial({16, 100, 0, {}, true}, {12, 20});
  CHECK(angle(grid, 5, 7, 0, 1) == doctest::Approx(7 * std::pow(100.0, -0.25)));
}

TEST_CASE("Learned angles take both coordinates, each head its own") {
  // [2, heads 2, pairs 2]: of columns, then of rows.
  const std::vector<float> frequencies{1, 2, 3, 4, 10, 20, 30, 40};
  auto grid = fovea::rope::mixed(frequencies, 2, true, {3, 5});
  CHECK(angle(grid, 2, 4, 0, 0) == doctest::Approx(4 * 1 + 2 * 10));
  CHECK(angle(grid, 2, 4, 1, 1) == doctest::Approx(4 * 4 + 2 * 40));
  grid = fovea::rope::mixed(frequencies, 2, false, {3, 5});
  CHECK(angle(grid, 2, 4, 1, 0) == doctest::Approx(2 * 3 + 4 * 30));
}

TEST_CASE("Centred angles lie between -1 and 1 on any grid, rows first, half a head apart") {
  const auto grid = fovea::rope::centred(16, 100, {4, 6});
  CHECK(grid.pairs == fovea::ops::RopePairs::halves);
  const double tau = 2 * std::acos(-1.0);
  CHECK(angle(grid, 0, 5, 0, 0) == doctest::Approx(tau * -0.75));
  CHECK(angle(grid, 0, 5, 0, 2) == doctest::Approx(tau * -0.75 / 10));  // 100^(4 · 2 / 16)
  CHECK(angle(grid, 0, 5, 0, 4) == doctest::Approx(tau * 5.0 / 6));
}
