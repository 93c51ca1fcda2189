#include "runtime/ops/train/linear_backward.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("linear_backward is the product with the weights as checkpoints hold them") {
  for (const DType dtype : storage_types())
    for (const uint32_t inputs : {3U, 48U, 66U})
      for (const uint32_t columns : {1U, 17U, 192U})
        for (const bool scaled : {false, true}) {
          CAPTURE(name_of(dtype));
          CAPTURE(fmt::format("{} inputs, {} columns, scaled {}", inputs, columns, scaled));
          const uint32_t packed = (columns + 3) / 4 * 4;
          const Values w = random_values({columns, inputs}, dtype, 1),
                       dy = random_values({2, 5, columns}, DType::f32, 2);
          Values scale = random_values({packed}, DType::f32, 3);
          const Values stored = values_of({inputs, packed}, dtype, [&] {
            const auto p = ops::pack_linear(w.floats(), columns, inputs);
            return Numbers(p.begin(), p.end());
          }());
          Case c;
          const Tensor dx = ops::linear_backward(c.recorder, c.input(dy), {c.input(stored), {}, columns},
                                                 scaled ? c.input(scale) : Tensor{});
          CHECK(dx.shape == Shape{2, 5, inputs});
          CHECK(dx.dtype == DType::f32);
          Expected want;
          for (size_t row = 0; row < 10; ++row)
            for (size_t i = 0; i < inputs; ++i) {
              double sum = 0, magnitude = 0;
              for (size_t n = 0; n < columns; ++n) {
                const double product = dy.numbers[row * columns + n] * w.numbers[n * inputs + i] *
                                       (scaled ? scale.numbers[n] : 1);
                sum += product;
                magnitude += std::abs(product);
              }
              want.add(sum, (columns + 2.0) * u * magnitude);
            }
          check_close(c.run(dx), want, DType::f32);
        }
}

TEST_CASE("linear_backward rejects what does not fit") {
  Case c;
  CHECK_THROWS_WITH_AS(ops::linear_backward(c.recorder, c.recorder.input({2, 5}, DType::f32, "dy"),
                                            {c.recorder.input({8, 8}, DType::f32, "w"), {}, 8}),
                       doctest::Contains("[linear_backward] dy is [2, 5] f32, w is [8, 8] for 8 columns"),
                       Error);
}

}  // namespace
}  // namespace fovea::test
