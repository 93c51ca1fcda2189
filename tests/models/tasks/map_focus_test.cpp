// Where a map's mass is, against every rectangle.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "fovea/generate.h"
#include "tests/models/tasks/map_mass.h"

TEST_CASE("The focus of a map is its smallest rectangle of enough mass, and its centre") {
  uint32_t state = 3;
  const auto random = [&] {
    state = state * 1664525U + 1013904223U;
    return static_cast<float>(state >> 8) / static_cast<float>(1U << 24);
  };
  const fovea::Region seen{10, 20, 60, 35};
  for (int trial = 0; trial < 20; ++trial) {
    fovea::AttentionMap map{5, 6, {}};
    for (int i = 0; i < 30; ++i) map.values.push_back(std::pow(random(), static_cast<float>(1 + trial)));
    const auto focus = fovea::focus_of(map, seen);
    REQUIRE(focus);
    const double all = fovea::test::mass_of(map, 0, 0, 5, 6);
    double x = 0, y = 0, least = 1e9, most = 0;
    for (uint32_t row = 0; row < 5; ++row)
      for (uint32_t col = 0; col < 6; ++col) {
        x += double{map.values[row * 6 + col]} / all * (10 + (col + 0.5) * 10);
        y += double{map.values[row * 6 + col]} / all * (20 + (row + 0.5) * 7);
        for (uint32_t rows = 1; row + rows <= 5; ++rows)
          for (uint32_t cols = 1; col + cols <= 6; ++cols) {
            const double mass = fovea::test::mass_of(map, row, col, rows, cols), area = rows * cols;
            if (mass < 0.6 * all || area > least) continue;
            most = area < least ? mass : std::max(most, mass);
            least = area;
          }
      }
    CHECK(focus->x == doctest::Approx(x));
    CHECK(focus->y == doctest::Approx(y));
    CHECK(focus->box.width * focus->box.height == doctest::Approx(least * 70));
    const auto cell = [](double pixels, double each) {
      return static_cast<uint32_t>(std::lround(pixels / each));
    };
    CHECK(fovea::test::mass_of(map, cell(focus->box.y - 20, 7), cell(focus->box.x - 10, 10),
                               cell(focus->box.height, 7),
                               cell(focus->box.width, 10)) == doctest::Approx(most));
  }
  CHECK_FALSE(fovea::focus_of({2, 2, {0, 0, 0, 0}}, seen));
  const auto one = fovea::focus_of({2, 2, {0, 0, 1, 0}}, seen, 1);
  REQUIRE(one);
  CHECK(one->x == 25);
  CHECK(one->box.height == 17.5);
  const auto signs = fovea::focus_of({1, 2, {-5, 1}}, seen, 1);  // what speaks against has no mass
  REQUIRE(signs);
  CHECK(signs->box.x == seen.x + seen.width / 2);
  CHECK_FALSE(fovea::focus_of({1, 2, {-1, -2}}, seen));
  CHECK_THROWS_WITH_AS(fovea::focus_of({1, 2, {1, NAN}}, seen), doctest::Contains("cell (0, 1) holds nan"),
                       fovea::Error);
  CHECK_THROWS_WITH_AS(fovea::focus_of({1, 1, {1}}, seen, 0), doctest::Contains("a share of 0"),
                       fovea::Error);
}
