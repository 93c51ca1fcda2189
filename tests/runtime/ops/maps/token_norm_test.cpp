#include "runtime/ops/maps/token_norm.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("token_norm and token_cosine") {
  for (const DType dtype : storage_types())
    for (const uint32_t tokens : {1U, 5U, 65U, 197U})
      for (const uint32_t width : {1U, 3U, 48U, 193U}) {
        CAPTURE(name_of(dtype));
        CAPTURE(tokens);
        CAPTURE(width);
        const uint32_t with = tokens / 2;
        const Values x = random_values({2, tokens, width}, dtype, tokens + width);
        Expected norms, cosines;
        const double steps = (width + 8) * 0x1p-23;  // roundings of sums of squares, roots and the quotient
        for (size_t image = 0; image < 2; ++image)
          for (size_t i = 0; i < tokens; ++i) {
            const double* own = &x.numbers[(image * tokens + i) * width];
            const double* other = &x.numbers[(image * tokens + with) * width];
            double a = 0, b = 0, both = 0;
            for (size_t c = 0; c < width; ++c) {
              a += own[c] * own[c];
              b += other[c] * other[c];
              both += own[c] * other[c];
            }
            norms.values.push_back(std::sqrt(a));
            norms.bounds.push_back(steps * std::sqrt(a));
            cosines.values.push_back(a > 0 && b > 0 ? both / std::sqrt(a * b) : 0);
            cosines.bounds.push_back(2 * steps);
          }
        Case c;
        const Tensor in = c.input(x);
        const auto got = c.run({ops::token_norm(c.recorder, in), ops::token_cosine(c.recorder, in, with)});
        check_close(got[0], norms, DType::f32);
        check_close(got[1], cosines, DType::f32);
      }
}

TEST_CASE("The cosine with a token of zeros is zero") {
  Case c;
  const Tensor x = c.input(values_of({1, 2, 2}, DType::f32, {0, 0, 3, 4}));
  CHECK(c.run(ops::token_cosine(c.recorder, x, 0)) == Numbers{0, 0});
  CHECK_THROWS_WITH_AS(ops::token_cosine(c.recorder, x, 2), doctest::Contains("x is [1, 2, 2], token 2"),
                       Error);
}

}  // namespace
}  // namespace fovea::test
