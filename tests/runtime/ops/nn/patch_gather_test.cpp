#include "runtime/ops/nn/patch_gather.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("patch_gather is exact") {
  struct Size {
    uint32_t images, channels, height, width, rows, cols;
  };
  const std::vector<Size> sizes{{1, 1, 1, 1, 1, 1},   {2, 3, 28, 42, 14, 14},   {1, 3, 33, 17, 16, 8},
                                {3, 1, 10, 13, 3, 4}, {1, 3, 224, 224, 16, 16}, {2, 5, 7, 9, 7, 2}};
  for (const DType dtype : storage_types())
    for (const Size& s : sizes) {
      CAPTURE(name_of(dtype));
      CAPTURE(fmt::format("{} {} {} {} by {} {}", s.images, s.channels, s.height, s.width, s.rows, s.cols));
      const Values x = random_values({s.images, s.channels, s.height, s.width}, dtype, 1);
      Case c;
      const Tensor y = ops::patch_gather(c.recorder, c.input(x), s.rows, s.cols);
      CHECK(y.shape ==
            Shape{s.images, (s.height / s.rows) * (s.width / s.cols), s.channels * s.rows * s.cols});
      const Expected want = patch_gather(x.numbers, s.images, s.channels, s.height, s.width, s.rows, s.cols);
      CHECK(c.run(y) == want.values);
    }
}

TEST_CASE("patch_gather rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 3, 8, 16}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(ops::patch_gather(c.recorder, x, 9, 4),
                       doctest::Contains("[patch_gather] x is [1, 3, 8, 16], patches [9, 4]"), Error);
  CHECK_THROWS_AS(ops::patch_gather(c.recorder, x, 4, 0), Error);
}

}  // namespace
}  // namespace fovea::test
