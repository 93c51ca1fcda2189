#include "runtime/ops/nn/group_norm.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

constexpr float epsilon = 1e-5F;

void compare(DType dtype, const Shape& shape, double spread, double mean) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("{} spread {} mean {}", to_string(shape), spread, mean));
  const Values x = random_values(shape, dtype, shape[1], spread, mean),
               gamma = random_values({shape[2]}, DType::f32, 2, 1, 1),
               beta = random_values({shape[2]}, DType::f32, 3);
  Case c;
  const Tensor y = ops::group_norm(c.recorder, c.input(x), c.input(gamma), c.input(beta), epsilon);
  CHECK(y.shape == shape);
  check_close(
      c.run(y),
      group_norm(x.numbers, shape[0], shape[1], shape[2], gamma.numbers, beta.numbers, double{epsilon}),
      dtype);
}

TEST_CASE("group_norm over odd sizes") {
  // Tokens below, at and above one part of 32, and so many that parts grow.
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 3U})
      for (const uint32_t tokens : {1U, 5U, 32U, 33U, 145U})
        for (const uint32_t channels : {1U, 4U, 17U, 24U, 132U})
          compare(dtype, {images, tokens, channels}, 2, 0.5);
  compare(DType::f32, {1, 2500, 4}, 1, 0);
}

TEST_CASE("group_norm does not cancel when the mean is large against the deviation") {
  for (const uint32_t channels : {8U, 5U}) compare(DType::f32, {2, 100, channels}, 0.5, 1000);
}

TEST_CASE("group_norm rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 3, 8}, DType::f32, "x"),
               eight = c.recorder.input({8}, DType::f32, "gamma"),
               four = c.recorder.input({4}, DType::f32, "beta");
  CHECK_THROWS_WITH_AS(ops::group_norm(c.recorder, x, eight, four, epsilon),
                       doctest::Contains("[group_norm] x is [1, 3, 8], gamma is [8] f32, beta is [4] f32"),
                       Error);
}

}  // namespace
}  // namespace fovea::test
