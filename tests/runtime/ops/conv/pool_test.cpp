#include "runtime/ops/conv/pool.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

void compare(DType dtype, const Shape& shape, const ops::Window& w, uint32_t seed) {
  const auto number = [](uint32_t n) { return static_cast<int>(n); };
  // Below zero, so that a maximum that counts the padding shows.
  const Values x = random_values(shape, dtype, seed, 1, -2);
  for (const auto kind : {ops::PoolKind::max, ops::PoolKind::mean})
    for (const bool count_pad : {false, true})
      for (const bool ceil : {false, true}) {
        const bool maximum = kind == ops::PoolKind::max;
        if (maximum ? count_pad : w.dilation != 1) continue;
        CAPTURE(name_of(dtype));
        CAPTURE(fmt::format("{} window {} {} count_pad {} ceil {}", to_string(shape), ops::to_string(w),
                            maximum ? "max" : "mean", count_pad, ceil));
        const PoolCase p{.images = shape[0],
                         .height = shape[1],
                         .width = shape[2],
                         .channels = shape[3],
                         .rows = number(w.rows),
                         .cols = number(w.cols),
                         .stride = number(w.stride),
                         .dilation = number(w.dilation),
                         .top = number(w.top),
                         .left = number(w.left),
                         .bottom = number(w.bottom),
                         .right = number(w.right),
                         .maximum = maximum,
                         .count_pad = count_pad,
                         .ceil = ceil};
        Case c;
        const Tensor y = ops::pool(c.recorder, c.input(x), w, kind, count_pad, ceil);
        CHECK(y.shape == Shape{shape[0], uint32_t(pool_size(p.height, p.top, p.bottom, p.rows, p)),
                               uint32_t(pool_size(p.width, p.left, p.right, p.cols, p)), shape[3]});
        check_close(c.run(y), pool(x.numbers, p), dtype);
      }
}

TEST_CASE("pool over windows, paddings and odd sizes") {
  using ops::Window;
  const std::vector<Window> windows{
      Window::square(1),        Window::square(2, 2),       Window::square(3, 2, 1), Window::square(3, 1, 1),
      Window::square(2, 3),     Window::square(3, 2, 1, 2), Window::square(5, 4, 2), {3, 2, 2, 1, 0, 0, 1, 1},
      {2, 3, 1, 1, 1, 2, 0, 1}, Window::square(3, 3, 1)};
  for (const DType dtype : storage_types())
    for (const Window& w : windows)
      for (const Shape& shape : {Shape{1, 5, 5, 1}, Shape{2, 8, 7, 6}, Shape{1, 9, 14, 36}}) {
        if (w.out_rows(shape[1]) == 0 || w.out_cols(shape[2]) == 0) continue;
        compare(dtype, shape, w, shape[1]);
      }
}

TEST_CASE("pool of wide rows and many channels") {
  compare(DType::f32, {1, 3, 70, 4}, ops::Window::square(3, 2, 1), 1);
  compare(DType::f32, {1, 4, 6, 260}, ops::Window::square(3, 2, 1), 2);
}

TEST_CASE("pool rejects what does not fit") {
  using ops::Window;
  Case c;
  const Tensor x = c.recorder.input({1, 4, 6, 8}, DType::f32, "x");
  const auto pooled = [&](const Window& w, ops::PoolKind kind) {
    return ops::pool(c.recorder, x, w, kind, false, false);
  };
  CHECK_THROWS_WITH_AS(
      pooled(Window::square(5), ops::PoolKind::max),
      doctest::Contains("[pool] x is [1, 4, 6, 8], window 5x5 stride 1 dilation 1 padding 0 0 0 0"), Error);
  CHECK_THROWS_AS(pooled(Window::square(2, 2, 2), ops::PoolKind::max), Error);
  CHECK_THROWS_AS(pooled(Window::square(2, 1, 0, 2), ops::PoolKind::mean), Error);
  CHECK_THROWS_AS(pooled(Window::square(2, 0), ops::PoolKind::mean), Error);
}

}  // namespace
}  // namespace fovea::test
