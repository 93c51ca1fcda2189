#include "runtime/record/state.h"

#include "runtime/ops/nn/place_tokens.h"
#include "runtime/ops/nn/swiglu.h"
#include "tests/runtime/ops/harness.h"
#include "tests/runtime/vk/clamped_device.h"

namespace fovea::test {
namespace {

Numbers contents(const State& state) {
  std::vector<std::byte> bytes(state.tensor().bytes());
  state.read(bytes);
  return to_numbers(bytes, state.tensor().dtype);
}

TEST_CASE("a state begins as zeros, keeps what it is given and is zeroed again") {
  for (gpu::Device* d : {&device(), &clamped_device()})
    for (const DType dtype : storage_types()) {
      if (dtype == DType::f16 && !d->info().fp16_storage) continue;
      State state(*d, {3, 7}, dtype);
      CHECK(contents(state) == Numbers(21, 0.0));
      const Values values = random_values({3, 7}, dtype, 1), row = random_values({7}, dtype, 2);
      state.write(to_bytes(values));
      CHECK(contents(state) == values.numbers);
      state.write(state.tensor().slice(1, 1), to_bytes(row));
      Numbers want = values.numbers;
      std::copy(row.numbers.begin(), row.numbers.end(), want.begin() + 7);
      CHECK(contents(state) == want);
      state.zero();
      CHECK(contents(state) == Numbers(21, 0.0));
    }
}

// Adds up inputs: each run replaces the sum by input + sum.
TEST_CASE("runs find a state as earlier runs, of any program, left it") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    const Shape shape{1, 3, 5};
    State sum(*d, shape, DType::f32);
    Recorder r(*d);
    const Tensor x = r.input(shape, DType::f32, "x");
    r.copy(ops::place_tokens(r, x, {.tokens = 3, .count = 3, .base = sum.tensor()}), sum.tensor());
    Program add = r.finish();
    const Values values = random_values(shape, DType::f32, 3, 0.5);
    add.write(x, to_bytes(values));
    for (int run = 0; run < 3; ++run) add.run();
    Numbers want(15, 0.0);
    for (int run = 0; run < 3; ++run)
      for (size_t i = 0; i < 15; ++i) want[i] = stored(want[i] + values.numbers[i], DType::f32);
    CHECK(contents(sum) == want);

    Recorder other(*d);
    const Tensor y = ops::place_tokens(other, sum.tensor(), {.tokens = 1, .count = 1});
    other.output(y);
    Program first = other.finish();
    first.run();
    CHECK(read_numbers(first, y) == Numbers(want.begin(), want.begin() + 5));
    // Without waiting in between: what was submitted first is done first.
    add.submit();
    sum.zero();
    first.submit();
    CHECK(read_numbers(first, y) == Numbers(5, 0.0));
  }
}

TEST_CASE("a cache grows by views of a state, at any offset") {
  for (gpu::Device* d : {&device(), &clamped_device()}) {
    State cache(*d, {4, 3, 5}, DType::f32);
    Numbers want;
    for (uint32_t step = 0; step < 4; ++step) {
      Recorder r(*d);
      const Values values = random_values({1, 3, 5}, DType::f32, step);
      const Tensor x = r.input(values.shape, DType::f32, "x");
      r.copy(x, cache.tensor().slice(step, 1));
      Program program = r.finish();
      program.write(x, to_bytes(values));
      program.run();
      want.insert(want.end(), values.numbers.begin(), values.numbers.end());
    }
    CHECK(contents(cache) == want);
    // 60 bytes are no offset that a device must be able to bind.
    Recorder r(*d);
    const Tensor y =
        ops::place_tokens(r, r.bindable(cache.tensor().slice(1, 2), "entries"), {.tokens = 1, .count = 1});
    r.output(y);
    Program program = r.finish();
    program.run();
    const Numbers got = read_numbers(program, y);
    CHECK(Numbers(got.begin(), got.begin() + 5) == Numbers(want.begin() + 15, want.begin() + 20));
    CHECK(Numbers(got.begin() + 5, got.end()) == Numbers(want.begin() + 30, want.begin() + 35));
  }
}

TEST_CASE("a state refuses what does not fit, and another device") {
  CHECK_THROWS_WITH_AS(State(device(), {0, 3}, DType::f32), "[state] [0, 3] has no elements", Error);
  State state(device(), {2, 2}, DType::f32);
  CHECK_THROWS_WITH_AS(state.write(std::vector<std::byte>(15)),
                       doctest::Contains("[state] write 15 bytes of [2, 2] f32"), Error);
  State other(device(), {2, 2}, DType::f32);
  CHECK_THROWS_AS(state.write(other.tensor(), std::vector<std::byte>(16)), Error);
  Recorder r(clamped_device());
  CHECK_THROWS_WITH_AS(ops::swiglu(r, state.tensor().reshaped({1, 2, 2})),
                       doctest::Contains("[swiglu] [1, 2, 2] lies on another device than"), Error);
  CHECK_THROWS_WITH_AS(r.copy(state.tensor(), r.temporary({2, 2}, DType::f32, "y")),
                       doctest::Contains("[copy] [2, 2] lies on another device"), Error);
}

}  // namespace
}  // namespace fovea::test
