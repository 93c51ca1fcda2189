// The best of a vocabulary against a stable sort, their logarithms in double precision; and the beams that go
// on.
#include "runtime/ops/nn/best_tokens.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "runtime/ops/nn/pick_beams.h"
#include "runtime/record/state.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

Numbers coarse(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Numbers out(count);
  for (double& v : out) v = static_cast<double>(static_cast<int>(random() % 161) - 80) / 8;
  return out;
}

TEST_CASE("best_tokens over odd sizes, ties and vocabularies") {
  for (const DType dtype : storage_types())
    for (const uint32_t classes : {1U, 2U, 5U, 63U, 321U, 4097U, 50257U})
      for (const uint32_t wanted : {1U, 2U, 8U, 31U, 32U}) {
        const uint32_t k = std::min(wanted, classes), rows = 3, stride = (classes + 3) / 4 * 4;
        CAPTURE(classes);
        CAPTURE(k);
        Numbers scores = coarse(size_t{rows} * stride, classes + k);
        for (uint32_t row = 0; row < rows; ++row)
          for (uint32_t i = classes; i < stride; ++i) scores[row * stride + i] = 900;  // not looked at
        Case c;
        const ops::BestTokens best =
            ops::best_tokens(c.recorder, c.input(values_of({rows, stride}, dtype, scores)), classes, k);
        const auto got = c.run({best.ids, best.logs});
        for (uint32_t row = 0; row < rows; ++row) {
          const double* x = scores.data() + size_t{row} * stride;
          std::vector<uint32_t> order(classes);
          std::iota(order.begin(), order.end(), 0U);
          std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return x[a] > x[b]; });
          double sum = 0;
          for (uint32_t i = 0; i < classes; ++i) sum += std::exp(x[i] - x[order[0]]);
          for (uint32_t i = 0; i < k; ++i) {
            CHECK(got[0][row * k + i] == order[i]);
            CHECK(std::abs(got[1][row * k + i] - (x[order[i]] - x[order[0]] - std::log(sum))) < 1e-5);
          }
        }
      }
}

TEST_CASE("best_tokens keeps logarithms whose probabilities are no numbers of fp32, and ends with NaN") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  Case c;
  const ops::BestTokens best = ops::best_tokens(
      c.recorder, c.input(values_of({2, 4}, DType::f32, {500, 0, -400, -inf, nan, 1, nan, 2})), 4, 4);
  const auto got = c.run({best.ids, best.logs});
  CHECK(to_words(got[0]) == std::vector<uint32_t>{0, 1, 2, 3, 3, 1, 0, 2});
  CHECK(got[1][1] == -500);
  CHECK(got[1][2] == -900);
  CHECK(got[1][3] == -inf);
  for (size_t i = 4; i < 8; ++i) CHECK(std::isnan(got[1][i]));
}

std::vector<uint32_t> words(const State& state) {
  std::vector<uint32_t> out(state.tensor().shape.elements());
  state.read(std::as_writable_bytes(std::span(out)));
  return out;
}

struct One {
  double sum;
  uint32_t beam, id;
  float log;
};

TEST_CASE("pick_beams goes on with the best of all beams' continuations that are no ends") {
  for (const uint32_t beams : {1U, 2U, 3U, 5U, 16U})
    for (const uint32_t pictures : {1U, 3U, 70U}) {
      CAPTURE(beams);
      CAPTURE(pictures);
      const uint32_t rows = beams * pictures, each = 2 * beams, end = 3;
      std::mt19937 random(beams * 100 + pictures);
      std::vector<uint32_t> ids(size_t{rows} * each);
      Numbers logs;
      std::vector<float> sums(rows);
      for (uint32_t row = 0; row < rows; ++row) {
        sums[row] = -static_cast<float>(random() % 32) / 4;
        std::vector<uint32_t> all(64);
        std::iota(all.begin(), all.end(), 0U);
        std::shuffle(all.begin(), all.end(), random);
        double log = 0;
        for (uint32_t i = 0; i < each; ++i) {
          ids[row * each + i] = all[i];
          logs.push_back(log -= static_cast<double>(random() % 4) / 4);  // exact, with ties
        }
      }
      State token(device(), {rows}, DType::u32), past(device(), {rows}, DType::u32),
          seen(device(), {rows}, DType::u32), finished(device(), {rows}, DType::u32),
          sum_state(device(), {rows}, DType::f32);
      sum_state.write(std::as_bytes(std::span(sums)));
      const std::vector<uint32_t> sevens(rows, 7);
      past.write(std::as_bytes(std::span(sevens)));
      Case c;
      const ops::BestTokens best{c.input({rows, each}, ids),
                                 c.input(values_of({rows, each}, DType::f32, logs))};
      const ops::PickedBeams picked =
          ops::pick_beams(c.recorder, best, sum_state.tensor(),
                          {token.tensor(), past.tensor(), seen.tensor(), finished.tensor()}, beams, end);
      const auto got = c.run({picked.parents, picked.candidates});
      const auto tokens = words(token), sum_bits = words(sum_state);
      for (uint32_t picture = 0; picture < pictures; ++picture) {
        std::vector<One> all;
        for (uint32_t i = 0; i < beams * each; ++i) {
          const uint32_t at = picture * beams * each + i, row = at / each;
          all.push_back({double{sums[row]} + logs[at], i / each, ids[at], static_cast<float>(logs[at])});
        }
        std::stable_sort(all.begin(), all.end(), [](const One& a, const One& b) { return a.sum > b.sum; });
        uint32_t beam = 0;
        for (uint32_t rank = 0; rank < 2 * beams; ++rank) {
          const One& one = all[rank];
          const size_t at = 4 * (size_t{picture} * 2 * beams + rank);
          CHECK(got[1][at] == one.id);
          CHECK(got[1][at + 1] == one.beam);
          CHECK(std::bit_cast<float>(static_cast<uint32_t>(got[1][at + 2])) == static_cast<float>(one.sum));
          CHECK(std::bit_cast<float>(static_cast<uint32_t>(got[1][at + 3])) == one.log);
          if (one.id == end || beam == beams) continue;
          const uint32_t row = picture * beams + beam++;
          CHECK(got[0][row] == picture * beams + one.beam);
          CHECK(tokens[row] == one.id);
          CHECK(std::bit_cast<float>(sum_bits[row]) == static_cast<float>(one.sum));
        }
        CHECK(beam == beams);
      }
      CHECK(words(past) == std::vector<uint32_t>(rows, 8));
      CHECK(words(seen) == std::vector<uint32_t>(rows, 1));
      CHECK(words(finished) == std::vector<uint32_t>(rows, 0));
    }
}

TEST_CASE("best_tokens and pick_beams reject what does not fit") {
  Case c;
  const auto of = [&](const Shape& shape, DType dtype = DType::u32) {
    return c.recorder.input(shape, dtype, "any");
  };
  const Tensor scores = of({2, 64}, DType::f32);
  CHECK_THROWS_WITH_AS(ops::best_tokens(c.recorder, scores, 64, 33), doctest::Contains("it finds 1…32"),
                       Error);
  CHECK_THROWS_AS(ops::best_tokens(c.recorder, scores, 64, 0), Error);
  CHECK_THROWS_WITH_AS(ops::best_tokens(c.recorder, scores, 3, 4), doctest::Contains("3 classes"), Error);
  const ops::BestTokens best{of({6, 4}), of({6, 4}, DType::f32)};
  const ops::Progress state{of({6}), of({6}), of({6}), of({6})};
  CHECK_NOTHROW(ops::pick_beams(c.recorder, best, of({6}, DType::f32), state, 2, 0));
  CHECK_THROWS_AS(ops::pick_beams(c.recorder, best, of({6}, DType::f32), state, 1, 0), Error);
  CHECK_THROWS_WITH_AS(ops::pick_beams(c.recorder, best, of({6}, DType::f32), state, 4, 0),
                       doctest::Contains("[pick_beams] 4 beams, ids is [6, 4]"), Error);
  CHECK_THROWS_AS(ops::pick_beams(c.recorder, best, of({5}, DType::f32), state, 2, 0), Error);
}

}  // namespace
}  // namespace fovea::test
