#include "runtime/ops/sequence/recurrent.h"

#include "runtime/ops/sequence/recurrent_backward.h"
#include "tests/reference/recurrent.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

using ops::Cell;
using ops::RecurrentForm;

struct Sizes {
  uint32_t batch, steps, hidden, directions;
};

struct Drawn {
  Values x, w, bias, h0, c0;
  std::vector<uint32_t> lengths;
  RecurrentCase reference;
};

Drawn drawn(bool lstm, const Sizes& s, DType dtype, bool start, bool lengths) {
  const uint32_t gates = lstm ? 4 : 3, columns = gates * s.hidden;
  const double spread = 1 / std::sqrt(s.hidden);
  Drawn out{random_values({s.batch, s.steps, s.directions * columns}, dtype, 1),
            random_values({s.directions, columns, s.hidden}, dtype, 2, spread),
            random_values({s.directions, columns}, DType::f32, 3, 0.5),
            random_values({s.batch, s.directions, s.hidden}, dtype, 4),
            random_values({s.batch, s.directions, s.hidden}, dtype, 5),
            {},
            {}};
  for (uint32_t b = 0; b < s.batch && lengths; ++b) out.lengths.push_back((b * 5 + s.steps) % (s.steps + 1));
  out.reference = {lstm,          s.batch,          s.steps,     s.hidden, s.directions, out.x.numbers,
                   out.w.numbers, out.bias.numbers, out.lengths, {},       {},           0};
  if (start) out.reference.h0 = out.h0.numbers;
  if (start && lstm) out.reference.c0 = out.c0.numbers;
  return out;
}

// As layers pack them: turned, columns in fours.
ops::RecurrentWeights packed(Case& c, const Drawn& d, bool lstm) {
  const uint32_t directions = d.w.shape[0], columns = d.w.shape[1], hidden = d.w.shape[2],
                 padded = (columns + 3) / 4 * 4;
  const size_t each = size_t{columns} * hidden;
  Values w{{directions, hidden, padded}, d.w.dtype, {}}, bias{{directions, padded}, DType::f32, {}};
  const std::vector<float> weights = d.w.floats();
  for (uint32_t i = 0; i < directions; ++i) {
    for (const float v : ops::pack_linear(std::span(weights).subspan(i * each, each), columns, hidden))
      w.numbers.push_back(double{v});
    for (uint32_t n = 0; n < padded; ++n)
      bias.numbers.push_back(n < columns ? d.bias.numbers[size_t{i} * columns + n] : 0.0);
  }
  return {lstm ? Cell::lstm : Cell::gru, hidden, directions, c.input(w), c.input(bias)};
}

void compare(bool lstm, const Sizes& s, DType dtype, bool start, bool lengths, bool save,
             RecurrentForm form) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("lstm {}, {} × {} × {}, {} directions, start {}, lengths {}, save {}, form {}", lstm,
                      s.batch, s.steps, s.hidden, s.directions, start, lengths, save,
                      static_cast<int>(form)));
  Drawn d = drawn(lstm, s, dtype, start, lengths);
  // Steps leave the state, and the product of it, at storage type.
  if (form == RecurrentForm::steps && dtype == DType::f16) d.reference.stored = 0x1p-10;
  const RecurrentExpected want = recurrent(d.reference);
  Case c;
  const ops::RecurrentWeights weights = packed(c, d, lstm);
  ops::RecurrentInput in{.x = c.input(d.x)};
  if (lengths) in.lengths = c.input({s.batch}, d.lengths);
  if (start) in.h0 = c.input(d.h0);
  if (start && lstm) in.c0 = c.input(d.c0);
  in.save = save;
  const ops::RecurrentResult out = ops::recurrent(c.recorder, weights, in, form);
  CHECK(out.y.shape == Shape{s.batch, s.steps, s.directions * s.hidden});
  const auto got = c.run({out.y, out.hn, lstm ? out.cn : out.hn});
  check_close(got[0], want.y, dtype);
  check_close(got[1], want.hn, dtype);
  if (lstm) check_close(got[2], want.cn, dtype);
}

}  // namespace

TEST_CASE("recurrent over odd sizes, in one dispatch and in steps") {
  for (const DType dtype : storage_types())
    for (const bool lstm : {true, false})
      for (const Sizes& s : {Sizes{1, 1, 1, 1}, Sizes{3, 4, 5, 2}, Sizes{2, 7, 12, 1}, Sizes{1, 3, 36, 2},
                             Sizes{9, 2, 20, 2}, Sizes{5, 5, 67, 1}, Sizes{30, 3, 8, 1}, Sizes{1, 2, 64, 1}})
        for (const bool flags : {false, true})
          for (const RecurrentForm form : {RecurrentForm::sequence, RecurrentForm::steps})
            compare(lstm, s, dtype, flags, flags, !flags, form);
}

TEST_CASE("recurrent with lengths alone, and with states to begin with alone") {
  for (const RecurrentForm form : {RecurrentForm::sequence, RecurrentForm::steps})
    for (const bool start : {false, true}) compare(true, {4, 6, 8, 2}, DType::f32, start, !start, true, form);
}

TEST_CASE("recurrent takes steps where states do not fit shared memory") {
  const uint32_t hidden = device().info().shared_bytes / 48 * 4 + 4;
  Case c;
  const uint32_t padded = (3 * hidden + 3) / 4 * 4;
  const ops::RecurrentWeights weights{Cell::gru, hidden, 1,
                                      c.recorder.input({1, hidden, padded}, DType::f32, "w"),
                                      c.recorder.input({1, padded}, DType::f32, "bias")};
  const ops::RecurrentInput in{.x = c.recorder.input({1, 2, 3 * hidden}, DType::f32, "x")};
  CHECK_NOTHROW(ops::recurrent(c.recorder, weights, in));
  CHECK_THROWS_WITH_AS(ops::recurrent(c.recorder, weights, in, RecurrentForm::sequence),
                       doctest::Contains("do not fit"), Error);
}

TEST_CASE("recurrent rejects what does not fit") {
  Case c;
  const ops::RecurrentWeights weights{Cell::lstm, 4, 1, c.recorder.input({1, 4, 16}, DType::f32, "w"),
                                      c.recorder.input({1, 16}, DType::f32, "bias")};
  CHECK_THROWS_WITH_AS(
      ops::recurrent(c.recorder, weights, {.x = c.recorder.input({2, 3, 12}, DType::f32, "x")}),
      doctest::Contains("[recurrent] x is [2, 3, 12]"), Error);
  CHECK_THROWS_WITH_AS(ops::recurrent(c.recorder, weights,
                                      {.x = c.recorder.input({2, 3, 16}, DType::f32, "x"),
                                       .lengths = c.recorder.input({3}, DType::u32, "lengths")}),
                       doctest::Contains("lengths is [3]"), Error);
}

TEST_CASE("The gradient of recurrent layers equals finite differences of the reference") {
  for (const bool lstm : {true, false})
    for (const Sizes& s : {Sizes{2, 3, 5, 2}, Sizes{3, 4, 8, 1}}) {
      CAPTURE(lstm);
      const Drawn d = drawn(lstm, s, DType::f32, true, true);
      const Values dy = random_values({s.batch, s.steps, s.directions * s.hidden}, DType::f32, 9);
      const auto loss = [&](const RecurrentCase& k) {
        const RecurrentExpected run = recurrent(k);
        double sum = 0;
        for (size_t i = 0; i < dy.numbers.size(); ++i) sum += dy.numbers[i] * run.y.values[i];
        return sum;
      };
      Case c;
      const ops::RecurrentWeights weights = packed(c, d, lstm);
      ops::RecurrentInput in{
          .x = c.input(d.x), .lengths = c.input({s.batch}, d.lengths), .h0 = c.input(d.h0)};
      if (lstm) in.c0 = c.input(d.c0);
      in.save = true;
      const auto run = ops::recurrent(c.recorder, weights, in);
      const auto gradient = ops::recurrent_backward(
          c.recorder, weights, {.trace = run.trace, .dy = c.input(dy), .lengths = in.lengths});
      const auto got = c.run({gradient.dx, gradient.dh0.front()});
      constexpr double step = 1e-4;
      const auto slope = [&](Numbers RecurrentCase::*member, size_t i) {
        RecurrentCase up = d.reference, down = d.reference;
        (up.*member)[i] += step;
        (down.*member)[i] -= step;
        return (loss(up) - loss(down)) / (2 * step);
      };
      double worst = 0;
      for (size_t i = 0; i < got[0].size(); ++i)
        worst = std::max(worst, std::abs(got[0][i] - slope(&RecurrentCase::x, i)));
      for (uint32_t b = 0; b < s.batch; ++b)
        for (uint32_t j = 0; j < s.hidden; ++j)
          worst =
              std::max(worst, std::abs(got[1][b * s.hidden + j] -
                                       slope(&RecurrentCase::h0, size_t{b} * s.directions * s.hidden + j)));
      CHECK(worst < 2e-6);
    }
}

}  // namespace fovea::test
