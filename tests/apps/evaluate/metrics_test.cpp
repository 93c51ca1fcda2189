// The arithmetic of `fovea evaluate maps` on cases worked out by hand.
#include "apps/evaluate/metrics.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace fovea::apps {
namespace {

using Cells = std::vector<uint32_t>;

TEST_CASE("Area under a curve, by hand") {
  CHECK(area_under(std::vector<double>{1, 0}) == doctest::Approx(0.5));
  CHECK(area_under(std::vector<double>{1, 1, 0}) == doctest::Approx(0.75));
  CHECK(area_under(std::vector<double>{0.9, 0.5, 0.3, 0.1}) ==
        doctest::Approx((0.45 + 0.5 + 0.3 + 0.05) / 3));
  CHECK(area_under(std::vector<double>{0.3, 0.3, 0.3, 0.3, 0.3}) == doctest::Approx(0.3));
  CHECK(area_under(std::vector<double>{0.4}) == doctest::Approx(0.4));
  CHECK(area_under({}) == 0);
}

TEST_CASE("Cells come highest first, NaN last") {
  const AttentionMap map{2, 3, {0.5F, NAN, 0.1F, -2, 0.9F, 0.2F}};
  for (const uint32_t seed : {1U, 2U, 3U}) CHECK(order_of(map, seed) == Cells{4, 0, 5, 2, 3, 1});
}

TEST_CASE("Equal cells come in an order of their own for each seed, not by place") {
  AttentionMap map{14, 14, std::vector<float>(196)};
  map.values[100] = 1;
  const Cells once = order_of(map, 7), again = order_of(map, 7), other = order_of(map, 8);
  CHECK(once == again);
  CHECK(once != other);
  CHECK(once.front() == 100);
  CHECK(other.front() == 100);
  CHECK(std::set<uint32_t>(once.begin(), once.end()).size() == 196);
  // The first half of the order lies in no particular half of the map: by place it would be 98 of 98.
  const auto top = std::count_if(once.begin(), once.begin() + 98, [](uint32_t cell) { return cell < 98; });
  CHECK(top > 30);
  CHECK(top < 68);
}

TEST_CASE("Cells are changed bit by bit, all in the end") {
  CHECK(cells_at(196, 0, 20) == 0);
  CHECK(cells_at(196, 1, 20) == 10);  // 9.8
  CHECK(cells_at(196, 10, 20) == 98);
  CHECK(cells_at(196, 20, 20) == 196);
  CHECK(cells_at(1, 1, 20) == 0);
  CHECK(cells_at(1, 10, 20) == 1);
  CHECK(cells_at(49, 3, 10) == 15);  // 14.7
}

TEST_CASE("Copying cells touches their pixels in all planes and no other") {
  // 5 × 7 pixels under 2 × 3 cells: rows 0–1 and 2–4, columns 0–1, 2–3 and 4–6.
  const PictureSize size{5, 7};
  std::vector<float> picture(size.values()), other(size.values());
  std::iota(other.begin(), other.end(), 1.0F);
  copy_cells(picture, other, size, 2, 3, Cells{2, 3});
  for (uint32_t plane = 0; plane < 3; ++plane)
    for (uint32_t y = 0; y < 5; ++y)
      for (uint32_t x = 0; x < 7; ++x) {
        const size_t at = (plane * 5 + y) * 7 + x;
        const bool changed = (y < 2 && x >= 4) || (y >= 2 && x < 2);
        CHECK(picture[at] == (changed ? other[at] : 0));
      }
  copy_cells(picture, other, size, 2, 3, Cells{0, 1, 2, 3, 4, 5});
  CHECK(picture == other);
}

TEST_CASE("The random baseline is the same everywhere, and another for each seed") {
  const AttentionMap map = random_map(14, 14, 1);
  CHECK(map.values == random_map(14, 14, 1).values);
  CHECK(map.values != random_map(14, 14, 2).values);
  // What the standard says of std::mt19937: its 10000th number for seed 5489 is 4123659995.
  CHECK(random_map(100, 100, 5489).values.back() == static_cast<float>(4123659995.0 * 0x1p-32));
  CHECK(*std::max_element(map.values.begin(), map.values.end()) <= 1);
  CHECK(*std::min_element(map.values.begin(), map.values.end()) >= 0);
}

TEST_CASE("The centre prior falls off alike to all sides") {
  const AttentionMap map = centre_map(5, 5);
  CHECK(map.values[12] == 1);
  CHECK(map.values[0] == map.values[24]);
  CHECK(map.values[2] == map.values[10]);
  CHECK(double{map.values[11]} == doctest::Approx(std::exp(-0.5 * 0.8 * 0.8)));  // a fifth of the width off
  CHECK(order_of(map, 1).front() == 12);
  for (const uint32_t quarter : {0U, 1U, 2U, 3U})
    CHECK(share_in_quarter(map, quarter) == doctest::Approx(0.25));
}

TEST_CASE("A map's share of a quarter, negative values left out") {
  const AttentionMap map{2, 2, {1, 3, -5, 4}};
  CHECK(share_in_quarter(map, 0) == doctest::Approx(1 / 8.0));
  CHECK(share_in_quarter(map, 1) == doctest::Approx(3 / 8.0));
  CHECK(share_in_quarter(map, 2) == 0);
  CHECK(share_in_quarter(map, 3) == doctest::Approx(4 / 8.0));
  CHECK(share_in_quarter({2, 2, {0, -1, 0, 0}}, 0) == 0);
  // The middle of an odd map belongs to all quarters, the middle row to two.
  const AttentionMap odd{3, 3, {0, 0, 0, 4, 0, 0, 0, 4, 8}};
  CHECK(share_in_quarter(odd, 0) == doctest::Approx(2 / 16.0));
  CHECK(share_in_quarter(odd, 2) == doctest::Approx((2 + 2) / 16.0));
  CHECK(share_in_quarter(odd, 3) == doctest::Approx((2 + 8) / 16.0));
}

TEST_CASE("Four pictures make a grid, each at half its size in its own quarter") {
  for (const PictureSize size : {PictureSize{4, 6}, PictureSize{5, 7}}) {
    std::vector<float> grid(size.values(), NAN);
    for (uint32_t quarter = 0; quarter < 4; ++quarter)
      put_in_quarter(grid, std::vector<float>(size.values(), static_cast<float>(quarter)), size, quarter);
    for (uint32_t plane = 0; plane < 3; ++plane)
      for (uint32_t y = 0; y < size.height; ++y)
        for (uint32_t x = 0; x < size.width; ++x) {
          const uint32_t quarter = (y >= size.height / 2 ? 2 : 0) + (x >= size.width / 2 ? 1 : 0);
          CHECK(double{grid[(plane * size.height + y) * size.width + x]} == doctest::Approx(quarter));
        }
  }
  // Means of 2 × 2 pixels; planes apart.
  const PictureSize size{4, 4};
  std::vector<float> picture(size.values()), grid(size.values());
  std::iota(picture.begin(), picture.end(), 0.0F);
  put_in_quarter(grid, picture, size, 3);
  CHECK(double{grid[2 * 4 + 2]} == doctest::Approx((0 + 1 + 4 + 5) / 4.0));
  CHECK(double{grid[3 * 4 + 3]} == doctest::Approx((10 + 11 + 14 + 15) / 4.0));
  CHECK(double{grid[16 + 2 * 4 + 2]} == doctest::Approx(16 + 2.5));
  CHECK(grid[0] == 0);
  // A map that finds the picture's place is worth 1, one that finds another 0.
  AttentionMap map{4, 4, std::vector<float>(16)};
  map.values[15] = map.values[10] = 1;
  CHECK(share_in_quarter(map, 3) == 1);
  CHECK(share_in_quarter(map, 1) == 0);
}

TEST_CASE("Means, their errors, and differences picture by picture") {
  const std::vector<double> a{1, 2, 3, 6}, b{0, 1, 2, 5};
  CHECK(estimate_of(a).mean == doctest::Approx(3));
  CHECK(estimate_of(a).error == doctest::Approx(std::sqrt((4 + 1 + 0 + 9) / 3.0 / 4)));
  CHECK(difference_of(a, b).mean == doctest::Approx(1));
  CHECK(difference_of(a, b).error == doctest::Approx(0));
  CHECK(estimate_of(std::vector<double>{5}).error == 0);
  CHECK(estimate_of({}).mean == 0);
}

}  // namespace
}  // namespace fovea::apps
