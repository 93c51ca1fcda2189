#include "runtime/ops/train/weight_gradient.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {

TEST_CASE("weight_gradient over odd sizes, of all columns and of some") {
  for (const DType dtype : storage_types())
    for (const uint32_t inputs : {1U, 3U, 16U, 65U})
      for (const uint32_t columns : {1U, 5U, 64U})
        for (const uint32_t rows : {1U, 2U, 97U})
          for (const uint32_t beside : {0U, 3U, 8U}) {
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("{} rows, {} by {}, {} beside", rows, columns, inputs, beside));
            const uint32_t x_row = inputs + beside, dy_row = columns + beside;
            const Values x = random_values({rows, x_row}, dtype, 1),
                         dy = random_values({rows, dy_row}, DType::f32, 2);
            Expected weight, bias;
            for (uint32_t n = 0; n < columns; ++n) {
              double plain = 0, plain_magnitude = 0;
              for (uint32_t m = 0; m < rows; ++m) {
                plain += dy.numbers[m * dy_row + beside + n];
                plain_magnitude += std::abs(dy.numbers[m * dy_row + beside + n]);
              }
              bias.add(plain, rows * u * plain_magnitude);
              for (uint32_t k = 0; k < inputs; ++k) {
                double sum = 0, magnitude = 0;
                for (uint32_t m = 0; m < rows; ++m) {
                  const double product =
                      dy.numbers[m * dy_row + beside + n] * x.numbers[m * x_row + beside + k];
                  sum += product;
                  magnitude += std::abs(product);
                }
                weight.add(sum, (rows + 1) * u * magnitude);
              }
            }
            Case c;
            const auto out = ops::weight_gradient(c.recorder, {c.input(x), beside, inputs},
                                                  {c.input(dy), beside, columns});
            const auto got = c.run({out.weight, out.bias});
            check_close(got[0], weight, DType::f32);
            check_close(got[1], bias, DType::f32);
          }
}

TEST_CASE("weight_gradient rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({3, 4}, DType::f32, "x"), dy = c.recorder.input({2, 4}, DType::f32, "dy");
  CHECK_THROWS_WITH_AS(ops::weight_gradient(c.recorder, ops::Columns::all(x), ops::Columns::all(dy)),
                       doctest::Contains("[weight_gradient] x is [3, 4]"), Error);
}

}  // namespace fovea::test
