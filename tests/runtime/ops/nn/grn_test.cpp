#include "runtime/ops/nn/grn.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

constexpr float epsilon = 1e-6F;

void compare(DType dtype, const Shape& shape, double spread = 2) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("{} spread {}", to_string(shape), spread));
  const uint32_t channels = shape.last();
  const auto tokens = static_cast<size_t>(shape.rows() / shape[0]);
  const Values x = random_values(shape, dtype, channels, spread, 0.25),
               gamma = random_values({channels}, DType::f32, 2),
               beta = random_values({channels}, DType::f32, 3);
  Case c;
  const Tensor y = ops::grn(c.recorder, c.input(x), c.input(gamma), c.input(beta), epsilon);
  CHECK(y.shape == shape);
  CHECK(y.dtype == dtype);
  check_close(c.run(y),
              grn(x.numbers, shape[0], tokens, channels, gamma.numbers, beta.numbers, double{epsilon}),
              dtype);
}

TEST_CASE("grn over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 3U})
      for (const uint32_t tokens : {1U, 5U, 64U, 65U, 197U})
        for (const uint32_t channels : {1U, 4U, 17U, 24U, 132U}) compare(dtype, {images, tokens, channels});
}

TEST_CASE("grn over feature maps and more channels than a workgroup has lanes") {
  for (const DType dtype : storage_types()) {
    compare(dtype, {2, 7, 5, 260});
    compare(dtype, {1, 3, 1, 263});
  }
}

TEST_CASE("grn of an image of zeros is beta, and large values do not overflow fp16 on the way") {
  for (const DType dtype : storage_types()) {
    compare(dtype, {2, 9, 8}, 0);
    compare(dtype, {1, 300, 8}, 2000);
  }
  Case c;
  const Values zeros = values_of({1, 6, 5}, DType::f32, Numbers(30, 0.0)),
               gamma = random_values({5}, DType::f32, 2), beta = random_values({5}, DType::f32, 3);
  const Numbers got = c.run(ops::grn(c.recorder, c.input(zeros), c.input(gamma), c.input(beta), epsilon));
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == beta.numbers[i % 5]);
}

TEST_CASE("grn rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 3, 8}, DType::f32, "x"),
               eight = c.recorder.input({8}, DType::f32, "gamma"),
               four = c.recorder.input({4}, DType::f32, "beta"),
               flat = c.recorder.input({3, 8}, DType::f32, "flat");
  CHECK_THROWS_WITH_AS(ops::grn(c.recorder, x, eight, four, epsilon),
                       doctest::Contains("[grn] x is [1, 3, 8], gamma is [8] f32, beta is [4] f32"), Error);
  CHECK_THROWS_AS(ops::grn(c.recorder, flat, eight, eight, epsilon), Error);
}

}  // namespace
}  // namespace fovea::test
