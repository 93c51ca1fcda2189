#include "runtime/ops/nn/next_token.h"

#include "runtime/record/state.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

std::vector<uint32_t> words(const State& state) {
  std::vector<uint32_t> out(state.tensor().shape.elements());
  state.read(std::as_writable_bytes(std::span(out)));
  return out;
}

TEST_CASE("next_token over rows that end at different steps") {
  for (const uint32_t rows : {1U, 3U, 64U, 65U, 200U}) {
    CAPTURE(rows);
    constexpr uint32_t end = 2, pad = 1, steps = 6;
    State token(device(), {rows}, DType::u32), past(device(), {rows}, DType::u32),
        seen(device(), {rows}, DType::u32), finished(device(), {rows}, DType::u32);
    const std::vector<uint32_t> ones(rows, 1);
    seen.write(std::as_bytes(std::span(ones)));
    Recorder r(device());
    const Tensor best = r.input({rows, 1}, DType::u32, "best");
    const Tensor chosen =
        ops::next_token(r, best, {token.tensor(), past.tensor(), seen.tensor(), finished.tensor()}, end, pad);
    r.output(chosen);
    Program program = r.finish();

    // Row i chooses the end at step i % 7, so that some never do.
    std::vector<uint32_t> length(rows);
    for (uint32_t step = 0; step < steps; ++step) {
      std::vector<uint32_t> ids(rows), got(rows);
      for (uint32_t row = 0; row < rows; ++row) ids[row] = step == row % 7 ? end : 10 + row + step;
      program.write(best, std::as_bytes(std::span(ids)));
      program.run();
      program.read(chosen, std::as_writable_bytes(std::span(got)));
      for (uint32_t row = 0; row < rows; ++row) {
        CHECK(got[row] == (step > row % 7 ? pad : ids[row]));
        if (step <= row % 7) ++length[row];
      }
    }
    const auto tokens = words(token), pasts = words(past), seens = words(seen), over = words(finished);
    for (uint32_t row = 0; row < rows; ++row) {
      CHECK(pasts[row] == length[row]);
      CHECK(seens[row] == length[row] + 1);
      CHECK(over[row] == (row % 7 < steps ? 1 : 0));
      CHECK(tokens[row] == (row % 7 < steps ? end : 10 + row + steps - 1));
    }
  }
}

TEST_CASE("next_token rejects what does not fit") {
  Case c;
  const auto of = [&](const Shape& shape, DType dtype = DType::u32) {
    return c.recorder.input(shape, dtype, "state");
  };
  const ops::Progress good{of({3}), of({3}), of({3}), of({3})};
  CHECK_NOTHROW(ops::next_token(c.recorder, of({3, 1}), good, 0, 1));
  CHECK_THROWS_WITH_AS(ops::next_token(c.recorder, of({4, 1}), good, 0, 1),
                       doctest::Contains("[next_token] best is [4, 1] u32, token is [3]"), Error);
  CHECK_THROWS_AS(ops::next_token(c.recorder, of({3, 1}, DType::f32), good, 0, 1), Error);
}

}  // namespace
}  // namespace fovea::test
