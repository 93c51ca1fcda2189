#include "runtime/ops/nn/channel_stats.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("channel_stats over odd sizes") {
  for (const DType dtype : storage_types())
    for (const Shape& pixels : {Shape{1, 1, 1}, Shape{2, 3, 7}, Shape{1, 9, 13}})
      for (const uint32_t channels : {1U, 4U, 17U, 24U, 132U})
        for (const bool mean_first : {true, false}) {
          CAPTURE(name_of(dtype));
          CAPTURE(fmt::format("{} channels {} mean_first {}", to_string(pixels), channels, mean_first));
          // Below zero, so that a maximum with a channel too many shows.
          const Values x = random_values({pixels[0], pixels[1], pixels[2], channels}, dtype, channels, 1, -2);
          Case c;
          const Tensor y = ops::channel_stats(c.recorder, c.input(x), mean_first);
          CHECK(y.shape == Shape{pixels[0], pixels[1], pixels[2], 4});
          check_close(c.run(y), channel_stats(x.numbers, pixels.elements(), channels, mean_first), dtype);
        }
}

TEST_CASE("channel_stats rejects what does not fit") {
  Case c;
  CHECK_THROWS_WITH_AS(ops::channel_stats(c.recorder, c.recorder.input({4, 9, 8}, DType::f32, "x"), true),
                       doctest::Contains("[channel_stats] x is [4, 9, 8]"), Error);
}

}  // namespace
}  // namespace fovea::test
