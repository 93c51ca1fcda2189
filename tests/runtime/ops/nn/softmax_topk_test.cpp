// Softmax and top-k against std::stable_sort and sums in double precision.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "core/half.h"
#include "fovea/error.h"
#include "runtime/ops/nn/softmax_topk.h"
#include "runtime/vk/device.h"

namespace {

fovea::gpu::Device& device() {
  static const auto opened = fovea::gpu::Device::open("");
  return *opened;
}

struct Top {
  std::vector<float> probabilities, best;
  std::vector<uint32_t> indices;
};

Top run(const std::vector<float>& logits, uint32_t rows, uint32_t k, fovea::DType dtype = fovea::DType::f32) {
  const auto classes = static_cast<uint32_t>(logits.size() / rows);
  fovea::Recorder r(device());
  const auto x = r.input({rows, classes}, dtype, "logits");
  const auto top = fovea::ops::softmax_topk(r, x, k);
  for (const auto& t : {top.probabilities, top.indices, top.best}) r.output(t);
  auto program = r.finish();
  if (dtype == fovea::DType::f16) {
    std::vector<uint16_t> halves;
    for (const float v : logits) halves.push_back(fovea::float_to_half(v));
    program.write(x, std::as_bytes(std::span(halves)));
  } else {
    program.write(x, std::as_bytes(std::span(logits)));
  }
  program.run();
  Top out{std::vector<float>(logits.size()), std::vector<float>(size_t{rows} * k),
          std::vector<uint32_t>(size_t{rows} * k)};
  program.read(top.probabilities, std::as_writable_bytes(std::span(out.probabilities)));
  program.read(top.best, std::as_writable_bytes(std::span(out.best)));
  program.read(top.indices, std::as_writable_bytes(std::span(out.indices)));
  return out;
}

std::vector<uint32_t> sorted(const float* logits, uint32_t classes) {
  std::vector<uint32_t> order(classes);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const auto rank = [&](uint32_t i) { return std::isnan(logits[i]) ? -HUGE_VAL : double{logits[i]}; };
    return rank(a) > rank(b);
  });
  return order;
}

}  // namespace

TEST_CASE("probabilities and the best classes over many widths") {
  std::mt19937 random(5);
  for (const auto dtype : {fovea::DType::f32, fovea::DType::f16}) {
    if (dtype == fovea::DType::f16 && !device().info().fp16_storage) continue;
    for (const uint32_t classes : {1U, 2U, 10U, 17U, 1000U, 21843U})
      for (const uint32_t wanted : {1U, 5U, 17U}) {
        const uint32_t k = std::min(wanted, classes), rows = 3;
        CAPTURE(classes);
        CAPTURE(k);
        std::normal_distribution<float> normal(0, 6);
        std::vector<float> logits(size_t{rows} * classes);
        for (float& v : logits) v = fovea::half_to_float(fovea::float_to_half(normal(random)));
        const Top got = run(logits, rows, k, dtype);
        for (uint32_t row = 0; row < rows; ++row) {
          const float* x = logits.data() + size_t{row} * classes;
          const double largest = *std::max_element(x, x + classes);
          double sum = 0;
          for (uint32_t i = 0; i < classes; ++i) sum += std::exp(x[i] - largest);
          double worst = 0;
          for (uint32_t i = 0; i < classes; ++i)
            worst = std::max(worst, std::abs(got.probabilities[size_t{row} * classes + i] -
                                             std::exp(x[i] - largest) / sum));
          CHECK(worst < 2e-6);
          const auto order = sorted(x, classes);
          for (uint32_t i = 0; i < k; ++i) {
            CHECK(got.indices[size_t{row} * k + i] == order[i]);
            CHECK(std::abs(got.best[size_t{row} * k + i] - std::exp(x[order[i]] - largest) / sum) < 2e-6);
          }
        }
      }
  }
}

TEST_CASE("equal logits come in the order of their indices, zeros of both signs are equal") {
  std::vector<float> logits(200, 1.5F);
  const Top all_equal = run(logits, 1, 200);
  for (uint32_t i = 0; i < 200; ++i) CHECK(all_equal.indices[i] == i);
  const Top zeros = run({-1, 0.0F, -0.0F, 0.0F, -2}, 1, 5);
  CHECK(zeros.indices == std::vector<uint32_t>{1, 2, 3, 0, 4});
}

TEST_CASE("large, infinite and NaN logits end and leave other rows alone") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Top got = run({nan, 3, nan, 7, nan, nan, nan, nan, 80000, -80000, -inf, 79999}, 3, 4);
  CHECK(got.indices == std::vector<uint32_t>{3, 1, 0, 2, 0, 1, 2, 3, 0, 3, 1, 2});
  for (int i = 0; i < 8; ++i) CHECK(std::isnan(got.probabilities[static_cast<size_t>(i)]));
  CHECK(got.best[8] == doctest::Approx(1 / (1 + std::exp(-1.0))));
  CHECK(got.best[10] == 0);
}

TEST_CASE("a k that does not fit is refused with the shape") {
  fovea::Recorder r(device());
  const auto x = r.input({2, 3}, fovea::DType::f32, "logits");
  CHECK_THROWS_WITH_AS(fovea::ops::softmax_topk(r, x, 4), doctest::Contains("[2, 3]"), fovea::Error);
  CHECK_THROWS_AS(fovea::ops::softmax_topk(r, x, 0), fovea::Error);
}
