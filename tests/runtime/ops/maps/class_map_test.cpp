// The kernels behind class activation maps and gate energies.
#include "runtime/ops/maps/channel_dot.h"
#include "runtime/ops/maps/class_direction.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t images, cells, channels;
};
const std::vector<Size> sizes{{1, 1, 1}, {2, 3, 5}, {3, 49, 17}, {1, 91, 64}, {2, 197, 10}};

// Mean and 1 / √(variance + epsilon) of some numbers.
struct Statistics {
  double mean = 0, rstd = 0;
  Statistics(const double* v, size_t n, double epsilon) {
    for (size_t i = 0; i < n; ++i) mean += v[i] / static_cast<double>(n);
    double variance = 0;
    for (size_t i = 0; i < n; ++i) variance += (v[i] - mean) * (v[i] - mean) / static_cast<double>(n);
    rstd = 1 / std::sqrt(variance + epsilon);
  }
};

// Sums of n products and the statistics of n numbers, each off by n u of what is added up, and two divisions.
double bound(double magnitude, size_t n) {
  return (4.0 * static_cast<double>(n) + 12) * u * magnitude;
}

TEST_CASE("channel_dot with no weights, stored weights, single weights and a norm") {
  constexpr double epsilon = 1e-3;
  for (const DType dtype : storage_types())
    for (const Size& s : sizes)
      for (const int kind : {0, 1, 2, 3}) {
        CAPTURE(name_of(dtype));
        CAPTURE(fmt::format("{} × {} × {}, kind {}", s.images, s.cells, s.channels, kind));
        const Values x = random_values({s.images, s.cells, s.channels}, dtype, 1, 1, 0.5);
        const Values w = random_values({s.images, s.channels}, kind == 1 ? dtype : DType::f32, 2);
        Case c;
        const Tensor tx = c.input(x), tw = c.input(w);
        const Tensor y =
            ops::channel_dot(c.recorder, tx, kind == 0 ? Tensor{} : tw,
                             kind == 3 ? std::optional(static_cast<float>(epsilon)) : std::nullopt);
        CHECK(y.shape == Shape{s.images, s.cells});
        Expected want;
        for (size_t cell = 0; cell < size_t{s.images} * s.cells; ++cell) {
          const double* row = &x.numbers[cell * s.channels];
          double sum = 0, magnitude = 0;
          for (size_t i = 0; i < s.channels; ++i) {
            const double product = row[i] * (kind == 0 ? 1 : w.numbers[cell / s.cells * s.channels + i]);
            sum += product;
            magnitude += std::abs(product);
          }
          const double factor = kind == 3 ? Statistics(row, s.channels, epsilon).rstd : 1;
          want.add(sum * factor, bound(magnitude * factor, s.channels));
        }
        check_close(c.run(y), want, DType::f32);
      }
}

TEST_CASE("class_direction is the gradient of a class's logit at a cell") {
  constexpr double epsilon = 1e-3;
  const std::vector<uint32_t> chosen{4, 0, 2};
  for (const DType dtype : storage_types())
    for (const uint32_t channels : {1U, 5U, 64U, 130U})
      for (const int norm : {0, 1, 2}) {  // none, before pooling, after pooling
        CAPTURE(name_of(dtype));
        CAPTURE(fmt::format("{} channels, norm {}", channels, norm));
        constexpr uint32_t classes = 5, padded = 8, images = 3;
        const Values w = random_values({channels, padded}, dtype, 1),
                     gamma = random_values({channels}, DType::f32, 2, 1, 1);
        const Values pooled = random_values({images, channels}, dtype, 3);
        Case c;
        ops::ClassDirectionCase k;
        k.head = {c.input(w), {}, classes};
        k.classes = c.input({images, 2}, {3, chosen[0], 1, chosen[1], 0, chosen[2]});
        k.rank = 1;
        if (norm != 0) k.gamma = c.input(gamma);
        if (norm == 2) k.pooled = c.input(pooled);
        k.factor = 0.25F;
        k.epsilon = static_cast<float>(epsilon);
        const Tensor v = ops::class_direction(c.recorder, k);
        Expected want;
        for (uint32_t image = 0; image < images; ++image) {
          double mean = 0, magnitude = 0;
          for (size_t i = 0; i < channels; ++i) {
            const double product = gamma.numbers[i] * w.numbers[i * padded + chosen[image]];
            mean += product / channels;
            magnitude = std::max(magnitude, std::abs(product));
          }
          const double rstd =
              norm == 2 ? Statistics(&pooled.numbers[image * channels], channels, epsilon).rstd : 1;
          for (size_t i = 0; i < channels; ++i) {
            const double own = w.numbers[i * padded + chosen[image]];
            const double value = norm == 0 ? own : gamma.numbers[i] * own - mean;
            want.add(0.25 * rstd * value, bound(0.5 * rstd * (std::abs(own) + 2 * magnitude), channels));
          }
        }
        check_close(c.run(v), want, DType::f32);
      }
}

}  // namespace
}  // namespace fovea::test
