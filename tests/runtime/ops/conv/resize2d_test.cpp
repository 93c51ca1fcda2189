#include "runtime/ops/conv/resize2d.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("resize2d, larger and smaller, in every mode") {
  struct Size {
    uint32_t images, height, width, channels, rows, cols;
  };
  const std::vector<Size> sizes{{1, 1, 1, 4, 3, 2},  {2, 7, 5, 3, 8, 6},   {1, 8, 6, 12, 7, 5},
                                {1, 5, 9, 4, 1, 1},  {1, 3, 40, 4, 5, 85}, {2, 6, 4, 17, 12, 2},
                                {1, 4, 3, 36, 4, 3}, {1, 2, 2, 4, 7, 7},   {1, 9, 8, 260, 3, 11}};
  for (const DType dtype : storage_types())
    for (const Size& s : sizes)
      for (const Resize mode : {Resize::bilinear, Resize::bilinear_corners, Resize::nearest}) {
        CAPTURE(name_of(dtype));
        CAPTURE(fmt::format("{} of {} × {} × {} to {} × {}, mode {}", s.images, s.height, s.width, s.channels,
                            s.rows, s.cols, int(mode)));
        const Values x = random_values({s.images, s.height, s.width, s.channels}, dtype, s.rows);
        Case c;
        const auto how = mode == Resize::bilinear           ? ops::ResizeMode::bilinear
                         : mode == Resize::bilinear_corners ? ops::ResizeMode::bilinear_corners
                                                            : ops::ResizeMode::nearest;
        const Tensor y = ops::resize2d(c.recorder, c.input(x), s.rows, s.cols, how);
        CHECK(y.shape == Shape{s.images, s.rows, s.cols, s.channels});
        check_close(c.run(y),
                    resize2d(x.numbers, s.images, s.height, s.width, s.channels, s.rows, s.cols, mode),
                    dtype);
      }
}

TEST_CASE("resize2d rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 4, 4, 8}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(ops::resize2d(c.recorder, x, 0, 3, ops::ResizeMode::bilinear),
                       doctest::Contains("[resize2d] x is [1, 4, 4, 8], to 0 × 3"), Error);
  CHECK_THROWS_AS(ops::resize2d(c.recorder, x, 3, 20000, ops::ResizeMode::bilinear), Error);
}

}  // namespace
}  // namespace fovea::test
