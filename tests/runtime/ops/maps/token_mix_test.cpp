#include "runtime/ops/maps/token_mix.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("token_mix from every start, with and without identity") {
  for (const uint32_t tokens : {1U, 2U, 5U, 17U, 50U, 145U, 197U, 257U})
    for (const uint32_t images : {1U, 2U, 3U}) {
      const Values a = random_values({images, tokens, tokens}, DType::f32, tokens, 0.5, 0.5);
      const Values x = random_values({images, tokens}, DType::f32, 2, 0.5, 0.5);
      for (const Start start : {Start::given, Start::one_hot, Start::uniform})
        for (const bool identity : {false, true}) {
          CAPTURE(tokens);
          CAPTURE(images);
          CAPTURE(static_cast<int>(start));
          CAPTURE(identity);
          const uint32_t token = tokens / 2;
          Case c;
          const Tensor matrix = c.input(a), vector = c.input(x);
          const Tensor y =
              ops::token_mix(c.recorder, matrix, vector, static_cast<ops::MixStart>(start), token, identity);
          CHECK(y.shape == Shape{images, tokens});
          check_close(c.run(y), token_mix(a.numbers, x.numbers, images, tokens, start, token, identity),
                      DType::f32);
        }
    }
}

TEST_CASE("token_mix rejects what does not fit") {
  Case c;
  const Tensor a = c.recorder.input({2, 5, 5}, DType::f32, "a"),
               x = c.recorder.input({2, 4}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(ops::token_mix(c.recorder, a, x, ops::MixStart::given, 0, true),
                       doctest::Contains("[token_mix] a is [2, 5, 5], x is [2, 4]"), Error);
  CHECK_THROWS_AS(ops::token_mix(c.recorder, a, x, ops::MixStart::one_hot, 5, true), Error);
  CHECK_THROWS_AS(ops::token_mix(c.recorder, c.recorder.input({2, 5, 4}, DType::f32, "a"), x,
                                 ops::MixStart::uniform, 0, true),
                  Error);
}

}  // namespace
}  // namespace fovea::test
