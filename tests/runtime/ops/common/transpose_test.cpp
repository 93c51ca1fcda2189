#include "runtime/ops/common/transpose.h"

#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("transpose is exact, and pads with zeros") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 3U})
      for (const uint32_t a : {1U, 3U, 4U, 17U})
        for (const uint32_t b : {1U, 5U, 64U, 290U})
          for (const uint32_t pad_to : {0U, 4U, 21U}) {
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("[{}, {}, {}] padded to {}", images, a, b, pad_to));
            const Values x = random_values({images, a, b}, dtype, a + b);
            Case c;
            const Tensor y = ops::transpose(c.recorder, c.input(x), {.pad_to = pad_to});
            const uint32_t width = std::max(a, pad_to);
            CHECK(y.shape == Shape{images, b, width});
            CHECK(c.run(y) == transpose(x.numbers, images, a, b, width));
          }
}

TEST_CASE("transpose widens, and scales rows") {
  for (const DType dtype : storage_types())
    for (const uint32_t a : {1U, 3U, 17U, 64U})
      for (const uint32_t b : {1U, 5U, 64U, 290U})
        for (const bool scaled : {false, true}) {
          CAPTURE(name_of(dtype));
          CAPTURE(fmt::format("[{}, {}], scaled {}", a, b, scaled));
          const Values x = random_values({1, a, b}, dtype, a + b), scale = random_values({b}, DType::f32, 1);
          Case c;
          ops::TransposeOptions o{.pad_to = (a + 3) / 4 * 4, .widen = true};
          if (scaled) o.scale = c.input(scale);
          const Tensor y = ops::transpose(c.recorder, c.input(x), o);
          CHECK(y.dtype == DType::f32);
          const Numbers turned = transpose(x.numbers, 1, a, b, o.pad_to);
          Expected want;
          for (size_t i = 0; i < turned.size(); ++i) {
            const double value = turned[i] * (scaled ? scale.numbers[i / o.pad_to] : 1);
            want.add(value, u * std::abs(value));
          }
          check_close(c.run(y), want, DType::f32);
        }
}

TEST_CASE("transpose rejects what does not fit") {
  Case c;
  CHECK_THROWS_WITH_AS(ops::transpose(c.recorder, c.recorder.input({4, 7}, DType::f32, "x")),
                       doctest::Contains("[transpose] x is [4, 7], not [images, a, b]"), Error);
}

}  // namespace
}  // namespace fovea::test
