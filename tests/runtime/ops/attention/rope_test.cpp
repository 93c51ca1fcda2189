#include "runtime/ops/attention/rope.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Sizes {
  uint32_t images, tokens, heads, table_heads, pairs;
  uint32_t prefix;   // tokens in front that are not turned
  uint32_t padding;  // channels of a head behind its pairs
};

// Packed queries, keys and values: the first two thirds turn.
struct Packed {
  explicit Packed(const Sizes& sizes) : s(sizes), head(2 * s.pairs + s.padding), row(3 * s.heads * head) {}
  Shape shape() const { return {s.images, s.prefix + s.tokens, row}; }
  ops::RopeLayout layout() const {
    return {2 * s.heads, s.prefix * row, (s.prefix + s.tokens) * row, row, head};
  }
  Sizes s;
  uint32_t head, row;
};

Values angles_of(const Sizes& s, const Numbers& radians) {
  Numbers table;
  for (size_t row = 0; row < size_t{s.table_heads} * s.tokens; ++row)
    for (const bool sine : {false, true})
      for (size_t i = 0; i < s.pairs; ++i)
        table.push_back(sine ? std::sin(radians[row * s.pairs + i]) : std::cos(radians[row * s.pairs + i]));
  return values_of({s.table_heads, s.tokens, 2, s.pairs}, DType::f32, table);
}

// A pair as a complex number, times e^(i angle) with the cosines and sines that the kernel is given.
Expected turned(const Packed& p, const Numbers& x, const Values& angles, bool halves, bool back) {
  const Sizes& s = p.s;
  Numbers values = x, bounds(x.size(), 0.0);
  for (size_t image = 0; image < s.images; ++image)
    for (size_t token = 0; token < s.tokens; ++token)
      for (size_t head = 0; head < 2 * size_t{s.heads}; ++head)
        for (size_t i = 0; i < s.pairs; ++i) {
          const size_t at = (image * (s.prefix + s.tokens) + s.prefix + token) * p.row + head * p.head;
          const size_t first = at + (halves ? i : 2 * i), second = at + (halves ? i + s.pairs : 2 * i + 1);
          const size_t entry = (head % s.table_heads * s.tokens + token) * 2 * s.pairs + i;
          const double c = angles.numbers[entry], d = angles.numbers[entry + s.pairs] * (back ? -1 : 1);
          values[first] = x[first] * c - x[second] * d;
          values[second] = x[first] * d + x[second] * c;
          // Two products and a sum.
          const double magnitude = std::abs(x[first]) + std::abs(x[second]);
          bounds[first] = bounds[second] = 3 * u * magnitude;
        }
  return {values, bounds};
}

TEST_CASE("rope over odd sizes, there and back") {
  const std::initializer_list<Sizes> all{{1, 1, 1, 1, 1, 0, 0},  {2, 5, 3, 1, 4, 1, 0},
                                         {1, 7, 3, 3, 9, 0, 2},  {3, 3, 2, 2, 8, 5, 4},
                                         {2, 17, 5, 5, 6, 2, 0}, {1, 196, 6, 1, 32, 5, 0}};
  for (const DType dtype : storage_types())
    for (const Sizes& s : all)
      for (const auto pairing : {ops::RopePairs::neighbours, ops::RopePairs::halves})
        for (const bool back : {false, true}) {
          const bool halves = pairing == ops::RopePairs::halves;
          CAPTURE(name_of(dtype));
          CAPTURE(fmt::format(
              "images {} tokens {} heads {} of {} pairs {} prefix {} padding {} halves {} back {}", s.images,
              s.tokens, s.heads, s.table_heads, s.pairs, s.prefix, s.padding, halves, back));
          const Packed p(s);
          const Values x = random_values(p.shape(), dtype, 1, 2);
          const Values radians =
              random_values({s.table_heads, s.tokens, s.pairs}, DType::f32, 2, /*spread=*/50);
          const Values angles = angles_of(s, radians.numbers);
          Case c;
          const Tensor t = c.input(x), table = c.input(angles);
          ops::rope(c.recorder, t, p.layout(), table, pairing, back);
          check_close(c.run(t), turned(p, x.numbers, angles, halves, back), dtype);
        }
}

TEST_CASE("rope rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({2, 4, 24}, DType::f32, "x");
  const auto angles = [&](const Shape& shape) { return c.recorder.input(shape, DType::f32, "angles"); };
  const auto turn = [&](const ops::RopeLayout& at, const Shape& shape) {
    ops::rope(c.recorder, x, at, angles(shape), ops::RopePairs::halves);
  };
  const ops::RopeLayout whole{2, 0, 96, 24, 8};
  turn(whole, {1, 4, 2, 4});
  turn(whole, {2, 4, 2, 4});
  for (const Shape& shape :
       {Shape{3, 4, 2, 4}, Shape{1, 5, 2, 4}, Shape{1, 4, 2, 5}, Shape{1, 4, 1, 4}, Shape{4, 2, 4}})
    CHECK_THROWS_WITH_AS(turn(whole, shape),
                         doctest::Contains("[rope] 2 heads every 8 from 0 of x is [2, 4, 24]"), Error);
}

}  // namespace
}  // namespace fovea::test
