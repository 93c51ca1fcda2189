#include "runtime/ops/nn/token_pool.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("token_mean and token_max over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 3U})
      for (const uint32_t tokens : {1U, 2U, 5U, 145U, 257U})
        for (const uint32_t first : {0U, 1U, 5U})
          for (const uint32_t width : {1U, 4U, 17U, 24U, 192U, 768U}) {
            if (first >= tokens) continue;
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("images {} tokens {} first {} width {}", images, tokens, first, width));
            // Far from zero on either side, so that a token too many shows in the maximum too.
            const Values x = random_values({images, tokens, width}, dtype, 1, 1, tokens % 2 == 0 ? 0.5 : -3);
            Case c;
            const Tensor in = c.input(x);
            const Tensor mean = ops::token_mean(c.recorder, in, first),
                         most = ops::token_max(c.recorder, in, first);
            CHECK(mean.shape == Shape{images, width});
            CHECK(most.shape == Shape{images, width});
            const auto got = c.run({mean, most});
            check_close(got[0], token_mean(x.numbers, images, tokens, width, first), dtype);
            CHECK(got[1] == token_max(x.numbers, images, tokens, width, first));
          }
}

TEST_CASE("token_mean rejects what does not fit") {
  Case c;
  CHECK_THROWS_WITH_AS(ops::token_mean(c.recorder, c.recorder.input({1, 4, 7}, DType::f32, "x"), 4),
                       doctest::Contains("[token_mean] x is [1, 4, 7], first 4"), Error);
}

}  // namespace
}  // namespace fovea::test
