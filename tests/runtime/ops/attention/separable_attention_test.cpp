#include "runtime/ops/attention/separable_attention.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

void compare(DType dtype, uint32_t groups, uint32_t tokens, uint32_t channels, double spread) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("groups {} tokens {} channels {} spread {}", groups, tokens, channels, spread));
  const Values x = random_values({groups, tokens, 2 * channels + 4}, dtype, tokens, spread);
  Case c;
  const ops::SeparableResult result = ops::separable_attention(c.recorder, c.input(x));
  CHECK(result.o.shape == Shape{groups, tokens, channels});
  CHECK(result.scores.shape == Shape{groups, tokens});
  CHECK(result.scores.dtype == DType::f32);
  const auto got = c.run({result.o, result.scores});
  const SeparableExpected want = separable_attention(x.numbers, groups, tokens, channels);
  check_close(got[0], want.o, dtype);
  check_close(got[1], want.scores, DType::f32);
}

TEST_CASE("separable_attention over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t groups : {1U, 4U})
      for (const uint32_t tokens : {1U, 5U, 64U, 145U})
        for (const uint32_t channels : {1U, 4U, 17U, 24U, 68U, 132U})
          compare(dtype, groups, tokens, channels, 2);
}

TEST_CASE("separable_attention with queries far apart and far from zero") {
  for (const DType dtype : storage_types())
    for (const uint32_t channels : {8U, 3U}) compare(dtype, 2, 37, channels, 200);
}

TEST_CASE("separable_attention rejects what does not fit") {
  Case c;
  CHECK_THROWS_WITH_AS(
      ops::separable_attention(c.recorder, c.recorder.input({2, 3, 9}, DType::f32, "x")),
      doctest::Contains("[separable_attention] x is [2, 3, 9], not [groups, tokens, 2 · channels + 4]"),
      Error);
}

}  // namespace
}  // namespace fovea::test
