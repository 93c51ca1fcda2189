#include "runtime/ops/nn/swiglu.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("swiglu over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 3U})
      for (const uint32_t tokens : {1U, 2U, 17U, 197U})
        for (const uint32_t hidden : {1U, 5U, 48U, 588U})
          for (const double spread : {1.0, 100.0}) {  // 100: exp(−x) overflows
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("images {} tokens {} hidden {} spread {}", images, tokens, hidden, spread));
            const Values x = random_values({images, tokens, 2 * hidden}, dtype, 1, spread);
            Case c;
            const Tensor y = ops::swiglu(c.recorder, c.input(x));
            CHECK(y.shape == Shape{images, tokens, hidden});
            check_close(c.run(y), swiglu(x.numbers, size_t{images} * tokens, hidden), dtype);
          }
}

TEST_CASE("swiglu rejects what does not fit") {
  Case c;
  CHECK_THROWS_WITH_AS(ops::swiglu(c.recorder, c.recorder.input({1, 4, 7}, DType::f32, "x")),
                       doctest::Contains("[swiglu] x is [1, 4, 7]"), Error);
}

}  // namespace
}  // namespace fovea::test
