#include "runtime/ops/nn/place_tokens.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

void compare(DType dtype, uint32_t images, uint32_t x_tokens, uint32_t channels, const ops::Placing& placing,
             bool base) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("{} × {} × {}, {} from {} of {}", images, x_tokens, channels, placing.count,
                      placing.first, placing.tokens));
  CAPTURE(base);
  const Values x = random_values({images, x_tokens, channels}, dtype, 1);
  const Values b = random_values({images, placing.tokens, channels}, dtype, 2);
  Case c;
  ops::Placing p = placing;
  if (base) p.base = c.input(b);
  const Tensor y = ops::place_tokens(c.recorder, c.input(x), p);
  CHECK(y.shape == b.shape);
  Expected want;
  for (size_t i = 0; i < b.numbers.size(); ++i) {
    const size_t image = i / (size_t{p.tokens} * channels), token = i / channels % p.tokens;
    double value = base ? b.numbers[i] : 0, bound = 0;
    if (token >= p.first && token < p.first + p.count) {
      const size_t from = p.spread ? 0 : token - p.first;
      const double added = double{p.factor} * x.numbers[(image * x_tokens + from) * channels + i % channels];
      value += added;
      bound = u * (std::abs(added) + std::abs(value));
    }
    want.add(value, bound);
  }
  check_close(c.run(y), want, dtype);
}

TEST_CASE("place_tokens takes out, puts in and spreads") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 3U})
      for (const uint32_t channels : {1U, 5U, 48U, 192U, 260U})
        for (const bool base : {false, true}) {
          compare(dtype, images, 197, channels, {.tokens = 1}, base);
          compare(dtype, images, 17, channels, {.tokens = 2, .count = 2}, base);
          compare(dtype, images, 2, channels, {.tokens = 30, .count = 2}, base);
          compare(dtype, images, 1, channels, {.tokens = 2, .first = 1}, base);
          compare(dtype, images, 1, channels,
                  {.tokens = 145, .first = 5, .count = 140, .spread = true, .factor = 1.0F / 140}, base);
        }
}

TEST_CASE("place_tokens rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({2, 3, 6}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(ops::place_tokens(c.recorder, x, {.tokens = 5, .first = 3, .count = 3}),
                       doctest::Contains("[place_tokens] x is [2, 3, 6], 3 from 3 of 5 tokens"), Error);
  CHECK_THROWS_AS(ops::place_tokens(c.recorder, x, {.tokens = 5, .count = 4}), Error);
  CHECK_THROWS_AS(ops::place_tokens(c.recorder, x, {.tokens = 5, .base = x}), Error);
}

}  // namespace
}  // namespace fovea::test
