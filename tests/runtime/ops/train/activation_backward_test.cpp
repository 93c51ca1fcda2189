#include "runtime/ops/train/activation_backward.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

using ops::Activation;

// Of the fifth-order central difference of the activation, whose own error is below 1e-11 for step 1e-3: no
// formula of a derivative is shared with the kernel.
double slope(Activation which, double x) {
  if (which == Activation::relu) return x > 0 ? 1 : 0;  // has none to approach at 0
  constexpr double h = 1e-3;
  const auto f = [&](double at) { return activation(static_cast<int>(which), at); };
  return (45 * (f(x + h) - f(x - h)) - 9 * (f(x + 2 * h) - f(x - 2 * h)) + (f(x + 3 * h) - f(x - 3 * h))) /
         (60 * h);
}

// The slope is Φ + x φ or s + x s (1 − s) z′: Φ and s as good as the activation over x (see
// activation_bound), φ and the other factors to some (6 + x²) ulp, all below one but for x.
double slope_bound(Activation which, double x) {
  const double first = which == Activation::gelu ? 1.5e-7 + 50 * u : 12 * u;
  return first + (12 + x * x) * ulp * (1 + std::abs(x)) + 1e-11;
}

void compare(DType dtype, uint32_t rows, uint32_t channels, Activation which, bool gated) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("{} × {}, activation {}, gated {}", rows, channels, static_cast<int>(which), gated));
  const uint32_t wide = gated ? 2 * channels : channels;
  const Values x = random_values({rows, wide}, dtype, 1, 6),
               dy = random_values({rows, channels}, DType::f32, 2);
  Case c;
  const Tensor dx = ops::activation_backward(c.recorder, c.input(x), c.input(dy), which);
  CHECK(dx.shape == x.shape);
  CHECK(dx.dtype == DType::f32);
  Expected want;
  for (size_t row = 0; row < rows; ++row)
    for (size_t i = 0; i < wide; ++i) {
      const size_t channel = i % channels;
      const double given = dy.numbers[row * channels + channel], a = x.numbers[row * wide + channel];
      const double b = gated ? x.numbers[row * wide + channels + channel] : 1;
      if (i < channels)
        want.add(given * b * slope(which, a),
                 std::abs(given * b) * (slope_bound(which, a) + 3 * u * std::abs(slope(which, a))));
      else
        want.add(given * activation(static_cast<int>(which), a),
                 std::abs(given) * (activation_bound(static_cast<int>(which), a) + 2 * u * std::abs(a)));
    }
  check_close(c.run(dx), want, DType::f32);
}

TEST_CASE("activation_backward, plain and gated, over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t rows : {1U, 7U, 197U})
      for (const uint32_t channels : {1U, 5U, 64U, 132U, 260U})
        for (const Activation which : {Activation::relu, Activation::gelu, Activation::gelu_tanh,
                                       Activation::quick_gelu, Activation::silu})
          compare(dtype, rows, channels, which, which == Activation::silu);
}

TEST_CASE("activation_backward rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({3, 8}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(ops::activation_backward(c.recorder, x, x, Activation::hardswish),
                       doctest::Contains("[activation_backward] x is [3, 8], dy is [3, 8] f32, activation 7"),
                       Error);
  CHECK_THROWS_AS(
      ops::activation_backward(c.recorder, x, c.recorder.input({3, 6}, DType::f32, "dy"), Activation::gelu),
      Error);
}

}  // namespace
}  // namespace fovea::test
