#include "runtime/ops/train/layer_norm_backward.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

constexpr float epsilon = 1e-6F;

// dx_j = Σ_i dy_i ∂y_i/∂x_j, each partial derivative by itself:
// ∂y_i/∂x_j = γ_i ((i = j) − 1/n − x̂_i x̂_j / n) / σ, without the last where the statistics are held.
// fp32 adds n products of magnitude |γ dy| (1 + |x̂|²/n) / σ, and x̂ is good to a few n u.
void row(const double* x, const double* dy, const Numbers& gamma, const double* residual, bool held,
         Expected& out) {
  const size_t n = gamma.size();
  const double count = static_cast<double>(n);
  double mean = 0, size = 0, variance = 0;
  for (size_t i = 0; i < n; ++i) {
    mean += x[i] / count;
    size = std::max(size, std::abs(x[i]));
  }
  for (size_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean) / count;
  const double sigma = std::sqrt(variance + double{epsilon});
  for (size_t j = 0; j < n; ++j) {
    const double own = (x[j] - mean) / sigma;
    double sum = 0, magnitude = 0;
    for (size_t i = 0; i < n; ++i) {
      const double g = gamma[i] * dy[i] / sigma, other = (x[i] - mean) / sigma;
      sum += g * ((i == j ? 1.0 : 0.0) - 1 / count - (held ? 0.0 : other * own / count));
      magnitude += std::abs(g) * ((i == j ? 1.0 : 0.0) + (1 + std::abs(other * own)) / count);
    }
    // The mean is off by (n + 3) u of the largest x, which moves x̂ by that over σ; statistics by n u
    // relative.
    const double statistics = (count + 3) * u * size / sigma * (held ? 0.0 : 1.0 + std::abs(own));
    const double added = residual == nullptr ? 0 : residual[j];
    out.add(sum + added,
            1.1 * ((4 * count + 16) * u * magnitude + statistics * magnitude + u * std::abs(sum + added)));
  }
}

TEST_CASE("layer_norm_backward over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : {1U, 3U, 16U, 17U, 48U, 192U, 260U})
      for (const uint32_t rows : {1U, 2U, 17U, 197U})
        for (const bool held : {false, true})
          for (const bool add : {false, true}) {
            if (rows > 17 && width > 48 && held != add) continue;
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("{} × {}, held {}, residual {}", rows, width, held, add));
            const Values x = random_values({rows, width}, dtype, 1, 1, 0.5),
                         gamma = random_values({width}, DType::f32, 2, 1, 1),
                         dy = random_values({rows, width}, DType::f32, 3),
                         residual = random_values({rows, width}, DType::f32, 4);
            Case c;
            ops::LayerNormGradient g{.x = c.input(x),
                                     .gamma = c.input(gamma),
                                     .epsilon = epsilon,
                                     .dy = c.input(dy),
                                     .held = held};
            if (add) g.residual = c.input(residual);
            const Tensor dx = ops::layer_norm_backward(c.recorder, g);
            CHECK(dx.dtype == DType::f32);
            Expected want;
            for (size_t i = 0; i < rows; ++i)
              row(&x.numbers[i * width], &dy.numbers[i * width], gamma.numbers,
                  add ? &residual.numbers[i * width] : nullptr, held, want);
            check_close(c.run(dx), want, DType::f32);
          }
}

TEST_CASE("layer_norm_backward_rows in place on the keys of packed rows, and LayerNormBackward by itself") {
  for (const DType dtype : storage_types())
    for (const bool kernel : {false, true}) {
      constexpr uint32_t tokens = 13, heads = 3, padded = 20, width = 16, dim = heads * padded;
      const Values x = random_values({1, tokens, 3 * dim}, dtype, 1),
                   gamma = random_values({width}, DType::f32, 2, 1, 1),
                   dy = random_values({1, tokens, 3 * dim}, DType::f32, 3);
      Case c;
      const Tensor gradient = c.input(dy);
      const ops::LayerNormGradient g{
          .x = c.input(x), .gamma = c.input(gamma), .epsilon = epsilon, .dy = gradient};
      const ops::RowLayout keys{3 * dim, padded, dim};
      if (kernel)
        c.recorder.dispatch<ops::LayerNormBackward>(
            {g.x, g.gamma, gradient, gradient, gradient},
            {tokens * heads, width, heads, 3 * dim, padded, dim, 3 * dim, padded, dim, epsilon});
      else
        ops::layer_norm_backward_rows(c.recorder, g, gradient, tokens * heads, heads, keys, keys);
      Expected want{dy.numbers, Numbers(dy.numbers.size(), 0.0)};
      for (size_t t = 0; t < tokens; ++t)
        for (size_t h = 0; h < heads; ++h) {
          const size_t at = t * 3 * dim + dim + h * padded;
          Expected one;
          row(&x.numbers[at], &dy.numbers[at], gamma.numbers, nullptr, false, one);
          std::copy(one.values.begin(), one.values.end(), want.values.begin() + static_cast<ptrdiff_t>(at));
          std::copy(one.bounds.begin(), one.bounds.end(), want.bounds.begin() + static_cast<ptrdiff_t>(at));
        }
      check_close(c.run(gradient), want, DType::f32);
    }
}

TEST_CASE("layer_norm_backward rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({2, 8}, DType::f32, "x"), gamma = c.recorder.input({8}, DType::f32, "γ");
  CHECK_THROWS_WITH_AS(
      ops::layer_norm_backward(c.recorder,
                               {.x = x, .gamma = gamma, .dy = c.recorder.input({1, 8}, DType::f32, "dy")}),
      doctest::Contains("[layer_norm_backward] x is [2, 8], gamma is [8], dy is [1, 8]"), Error);
}

}  // namespace
}  // namespace fovea::test
