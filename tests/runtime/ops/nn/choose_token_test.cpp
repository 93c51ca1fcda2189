// Tokens that are taken or drawn, against a sort and a cumulative sum in double precision.
#include "runtime/ops/nn/choose_token.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/reference/philox.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

// Rows of `classes` scores, and behind them what no kernel may look at.
Values padded_rows(const Numbers& scores, uint32_t rows, DType dtype) {
  const auto classes = static_cast<uint32_t>(scores.size() / rows);
  const uint32_t stride = (classes + 3) / 4 * 4;
  Numbers out;
  for (uint32_t row = 0; row < rows; ++row) {
    out.insert(out.end(), scores.begin() + row * std::ptrdiff_t{classes},
               scores.begin() + (row + 1) * std::ptrdiff_t{classes});
    out.insert(out.end(), stride - classes, 900);
  }
  return values_of({rows, stride}, dtype, out);
}

// Numbers that fp16 holds, many of them equal.
Numbers coarse(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Numbers out(count);
  for (double& v : out) v = static_cast<double>(static_cast<int>(random() % 161) - 80) / 16;
  return out;
}

struct Chosen {
  std::vector<uint32_t> ids;
  Numbers probabilities;
};

Chosen choose(const Values& scores, uint32_t classes, float temperature, uint32_t top_k, uint64_t seed = 0,
              const std::vector<uint32_t>& positions = {}, uint32_t first_row = 0) {
  const uint32_t rows = scores.shape[0];
  Case c;
  ops::Draw draw{temperature, top_k, {}, {}};
  if (temperature != 0) {
    draw.past = c.input({rows}, positions);
    std::vector<uint32_t> chance;
    for (uint32_t row = 0; row < rows; ++row)
      for (const uint32_t word :
           {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), first_row + row})
        chance.push_back(word);
    draw.chance = c.input({rows, 3}, chance);
  }
  const ops::ChosenToken out = ops::choose_token(c.recorder, c.input(scores), classes, draw);
  const auto results = c.run({out.ids, out.probabilities});
  return {to_words(results[0]), results[1]};
}

// Ids from the best on; of equal scores the lower one first.
std::vector<uint32_t> order_of(const double* x, uint32_t classes) {
  std::vector<uint32_t> out(classes);
  std::iota(out.begin(), out.end(), 0U);
  std::stable_sort(out.begin(), out.end(), [&](uint32_t a, uint32_t b) { return x[a] > x[b]; });
  return out;
}

double probability_of(const double* x, uint32_t classes, uint32_t id) {
  double sum = 0;
  for (uint32_t i = 0; i < classes; ++i) sum += std::exp(x[i] - x[id]);
  return 1 / sum;
}

// Bounds of the cumulative sum that each id covers, of those that are drawn from.
struct Span {
  double low = 0, high = 0;
};
std::vector<Span> spans_of(const double* x, uint32_t classes, double temperature, uint32_t top_k) {
  const std::vector<uint32_t> order = order_of(x, classes);
  std::vector<double> weight(classes);
  const uint32_t among = top_k == 0 ? classes : std::min(top_k, classes);
  for (uint32_t i = 0; i < among; ++i) weight[order[i]] = std::exp((x[order[i]] - x[order[0]]) / temperature);
  const double all = std::accumulate(weight.begin(), weight.end(), 0.0);
  std::vector<Span> out(classes);
  double at = 0;
  for (uint32_t i = 0; i < classes; ++i) {
    out[i].low = at / all;
    at += weight[i];
    out[i].high = at / all;
  }
  return out;
}

TEST_CASE("Philox gives what its authors publish") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t f = 0xffffffff;
  CHECK(philox4x32({f, f, f, f}, {f, f}) == Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("choose_token takes the best token, of equal ones the first") {
  for (const DType dtype : storage_types())
    for (const uint32_t classes : {1U, 2U, 3U, 5U, 63U, 321U, 4097U, 50257U}) {
      const uint32_t rows = 3;
      CAPTURE(classes);
      const Numbers scores = coarse(size_t{rows} * classes, classes);
      const Chosen got = choose(padded_rows(scores, rows, dtype), classes, 0, 0);
      for (uint32_t row = 0; row < rows; ++row) {
        const double* x = scores.data() + size_t{row} * classes;
        CHECK(got.ids[row] == order_of(x, classes)[0]);
        CHECK(got.probabilities[row] ==
              doctest::Approx(probability_of(x, classes, got.ids[row])).epsilon(1e-5));
      }
    }
}

TEST_CASE("choose_token draws what the cumulative sum says, among the best alone where asked to") {
  for (const DType dtype : storage_types())
    for (const uint32_t classes : {2U, 5U, 321U, 4097U, 50257U})
      for (const uint32_t top_k : {0U, 1U, 2U, 50U, 1000U, 60000U})
        for (const float temperature : {0.3F, 1.0F, 4.0F}) {
          if (top_k > classes && top_k != 60000U) continue;
          if (classes > 5000 && (temperature < 1 || top_k == 2)) continue;
          const uint32_t rows = 7, first_row = 3;
          CAPTURE(classes);
          CAPTURE(top_k);
          CAPTURE(temperature);
          const Numbers scores = coarse(size_t{rows} * classes, classes + top_k);
          constexpr uint64_t seed = 0x123456789abcdef0;
          std::vector<uint32_t> positions;
          for (uint32_t row = 0; row < rows; ++row) positions.push_back(11 * row + 1);
          const Chosen got = choose(padded_rows(scores, rows, dtype), classes, temperature, top_k, seed,
                                    positions, first_row);
          for (uint32_t row = 0; row < rows; ++row) {
            const double* x = scores.data() + size_t{row} * classes;
            const std::vector<Span> spans = spans_of(x, classes, double{temperature}, top_k);
            const double u = chance_of(seed, positions[row], first_row + row);
            REQUIRE(got.ids[row] < classes);
            const Span& span = spans[got.ids[row]];
            CHECK(span.high > span.low);  // it is among those that are drawn from
            CHECK(u >= span.low - 1e-5);  // sums in fp32
            CHECK(u <= span.high + 1e-5);
            CHECK(got.probabilities[row] ==
                  doctest::Approx(probability_of(x, classes, got.ids[row])).epsilon(1e-5));
          }
        }
}

// Pearson's statistic over many positions and rows: a quantile of its distribution, which no seed but one in
// a million exceeds (Wilson and Hilferty's approximation).
TEST_CASE("choose_token draws as often as the softmax says") {
  constexpr uint32_t classes = 37, rows = 20000;
  const Numbers one = coarse(classes, 8);
  Numbers scores;
  std::vector<uint32_t> positions;
  for (uint32_t row = 0; row < rows; ++row) {
    scores.insert(scores.end(), one.begin(), one.end());
    positions.push_back(row % 100);
  }
  const Values padded = padded_rows(scores, rows, DType::f32);
  for (const uint32_t top_k : {0U, 10U})
    for (const float temperature : {1.0F, 2.5F}) {
      CAPTURE(top_k);
      CAPTURE(temperature);
      const Chosen got = choose(padded, classes, temperature, top_k, 42, positions);
      const std::vector<Span> spans = spans_of(one.data(), classes, double{temperature}, top_k);
      std::vector<double> counts(classes);
      for (const uint32_t id : got.ids) ++counts.at(id);
      double statistic = 0, freedom = -1, rare = 0, rare_count = 0;
      for (uint32_t i = 0; i < classes; ++i) {
        const double expected = (spans[i].high - spans[i].low) * rows;
        if (expected == 0) CHECK(counts[i] == 0);
        if (expected < 10) {  // too rare by themselves
          rare += expected;
          rare_count += counts[i];
          continue;
        }
        statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
        ++freedom;
      }
      if (rare >= 10) {
        statistic += (rare_count - rare) * (rare_count - rare) / rare;
        ++freedom;
      }
      REQUIRE(freedom > 4);
      const double a = 2 / (9 * freedom), limit = freedom * std::pow(1 - a + 4.75 * std::sqrt(a), 3);
      CHECK(statistic < limit);
      CHECK(statistic > freedom * std::pow(1 - a - 4.75 * std::sqrt(a), 3));  // nor suspiciously even
    }
}

TEST_CASE("choose_token ends with infinities and NaN, and a small temperature takes the best") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Numbers scores{1, 2, inf, 0, nan, 3, 4, 1, -inf, -inf, -inf, -inf, 5, -inf, nan, nan};
  for (const float temperature : {0.0F, 1.0F}) {
    const Chosen got = choose(values_of({4, 4}, DType::f32, scores), 4, temperature, 0, 1, {1, 2, 3, 4});
    CHECK(got.ids == std::vector<uint32_t>{2, 2, 0, 0});
    CHECK(std::isnan(got.probabilities[1]));
    CHECK(std::isnan(got.probabilities[3]));
  }
  Numbers close = coarse(1000, 4);
  close[700] = 5.0625;  // the others are at most 5
  for (const float temperature : {1e-3F, 1e-20F, 1e-44F})
    CHECK(choose(padded_rows(close, 1, DType::f32), 1000, temperature, 0, 5, {9}).ids[0] == 700);
}

TEST_CASE("choose_token rejects what does not fit") {
  Case c;
  const auto of = [&](const Shape& shape, DType dtype) { return c.recorder.input(shape, dtype, "any"); };
  const Tensor scores = of({2, 8}, DType::f32);
  CHECK_THROWS_WITH_AS(ops::choose_token(c.recorder, scores, 9),
                       doctest::Contains("[choose_token] scores is [2, 8] f32, 9 classes"), Error);
  CHECK_THROWS_AS(ops::choose_token(c.recorder, of({2, 7}, DType::f32), 7), Error);
  CHECK_THROWS_AS(ops::choose_token(c.recorder, scores, 0), Error);
  CHECK_THROWS_WITH_AS(
      ops::choose_token(c.recorder, scores, 8, {1, 0, of({2}, DType::u32), of({2, 2}, DType::u32)}),
      doctest::Contains("chance is [2, 2]"), Error);
  CHECK_THROWS_AS(
      ops::choose_token(c.recorder, scores, 8, {-1, 0, of({2}, DType::u32), of({2, 3}, DType::u32)}), Error);
}

}  // namespace
}  // namespace fovea::test
