// The tables that windows are cut by, and the biases of offsets.
#include <doctest/doctest.h>

#include "models/nn/relative_position.h"
#include "models/nn/windows.h"

using fovea::layers::OffsetBias;
using fovea::layers::WindowShape;

TEST_CASE("Windows in place, padded") {
  const WindowShape s{3, 4, 2, 3};
  constexpr uint32_t none = 0xffffffff;
  CHECK(cells_of_tokens(s) ==
        std::vector<uint32_t>{0, 1, 2,  4,    5,    6,    3,  none, none, 7,    none, none,  //
                              8, 9, 10, none, none, none, 11, none, none, none, none, none});
  CHECK(tokens_of_cells(s) == std::vector<uint32_t>{0, 1, 2, 6, 3, 4, 5, 9, 12, 13, 14, 18});
}

TEST_CASE("Windows of a rolled grid") {
  WindowShape s{4, 4, 2, 2, 1, 1};
  CHECK(cells_of_tokens(s) == std::vector<uint32_t>{5, 6, 9, 10, 7, 4, 11, 8, 13, 14, 1, 2, 15, 12, 3, 0});
  const auto mask = shift_mask(s);
  REQUIRE(mask.size() == 4 * 4 * 4);
  const std::vector<float> first(mask.begin(), mask.begin() + 16),
      second(mask.begin() + 16, mask.begin() + 32);
  CHECK(first == std::vector<float>(16, 0.0F));
  CHECK(second == std::vector<float>{0, -100, 0, -100, -100, 0, -100, 0, 0, -100, 0, -100, -100, 0, -100, 0});
  s.shift_rows = 0;  // in columns only: rows are not kept apart
  const auto columns = shift_mask(s);
  CHECK(std::vector<float>(columns.begin() + 16, columns.begin() + 32) == second);
  CHECK(std::vector<float>(columns.begin() + 48, columns.end()) == second);
}

TEST_CASE("Empty cells roll with the grid where they are there first") {
  WindowShape s{3, 4, 2, 2, 1, 1};
  constexpr uint32_t none = 0xffffffff;
  s.pads_first = true;  // rows of the padded grid roll to 1 2 − 0
  CHECK(cells_of_tokens(s) ==
        std::vector<uint32_t>{5, 6, 9, 10, 7, 4, 11, 8, none, none, 1, 2, none, none, 3, 0});
  CHECK(tokens_of_cells(s) == std::vector<uint32_t>{15, 10, 11, 14, 5, 0, 1, 4, 7, 2, 3, 6});
}

TEST_CASE("Windows of every n-th cell") {
  const WindowShape s{4, 4, 2, 2, 0, 0, true};
  CHECK(cells_of_tokens(s) == std::vector<uint32_t>{0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15});
}

TEST_CASE("A square window's number of offsets") {
  CHECK(fovea::layers::square_window(169) == 7);
  CHECK(fovea::layers::square_window(1) == 1);
  CHECK(fovea::layers::square_window(9 * 13) == 0);
  CHECK(fovea::layers::square_window(16) == 0);
}

TEST_CASE("Biases for another window are spread geometrically and clamped") {
  // Five offsets −2 … 2 come to lie at −2.5, −1, 0, 1, 2.5, so far as the progression's largest ratio
  // reaches.
  OffsetBias bias{1, 3, 1, {40, 10, 0, 20, 50}};
  const auto wide = resampled(bias, 1, 4);
  const std::vector<float> expected{40, 30, 10, 0, 20, 40, 50};
  REQUIRE(wide.values.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(wide.values[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  // Two axes and two heads.
  bias = {2, 2, 2, {}};
  for (int i = 0; i < 18; ++i) bias.values.push_back(static_cast<float>(i));
  const auto square = resampled(bias, 3, 2);
  REQUIRE(square.values.size() == 5 * 3 * 2);
  for (uint32_t h = 0; h < 2; ++h)
    for (int32_t dy = -2; dy <= 2; ++dy)
      for (int32_t dx = -1; dx <= 1; ++dx)
        CHECK(square.at(h, dy, dx) == bias.at(h, std::clamp(dy, -1, 1), dx));
}
