#include "runtime/ops/token_mean.h"

#include "kernels/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("token_mean over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 2U, 3U})
      for (const uint32_t tokens : {1U, 2U, 5U, 145U, 257U})
        for (const uint32_t first : {0U, 1U, 5U})
          for (const uint32_t width : {1U, 17U, 192U, 768U}) {
            if (first >= tokens) continue;
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("images {} tokens {} first {} width {}", images, tokens, first, width));
            const Values x = random_values({images, tokens, width}, dtype, 1, 1, 0.5);
            Case c;
            const Tensor y = ops::token_mean(c.recorder, c.input(x), first);
            CHECK(y.shape == Shape{images, width});
            check_close(c.run(y), token_mean(x.numbers, images, tokens, width, first), dtype);
          }
}

TEST_CASE("token_mean rejects what does not fit") {
  Case c;
  CHECK_THROWS_WITH_AS(ops::token_mean(c.recorder, c.recorder.input({1, 4, 7}, DType::f32, "x"), 4),
                       doctest::Contains("[token_mean] x is [1, 4, 7], first 4"), Error);
}

}  // namespace
}  // namespace fovea::test
