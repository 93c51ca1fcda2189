#include "runtime/ops/sequence/elementwise.h"

#include "runtime/ops/sequence/centres.h"
#include "runtime/ops/sequence/copy_columns.h"
#include "runtime/ops/sequence/cross_entropy.h"
#include "runtime/ops/sequence/inner_product.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

const std::vector<uint32_t> widths{1, 3, 12, 65, 260};

Expected exactly(const Numbers& values) {
  return {values, Numbers(values.size(), 0.0)};
}

}  // namespace

TEST_CASE("swap_steps, embed_ids and its gradient, by index") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : widths) {
      CAPTURE(name_of(dtype));
      CAPTURE(width);
      constexpr uint32_t steps = 3, batch = 5, entries = 7;
      const Values x = random_values({steps, batch, width}, dtype, 1),
                   table = random_values({entries, width}, dtype, 2),
                   dy = random_values({steps, batch, width}, DType::f32, 3);
      std::vector<uint32_t> ids;
      for (uint32_t i = 0; i < batch * steps; ++i)
        ids.push_back(i * 5 % (entries + 1));  // one beyond the table too
      Numbers swapped(x.numbers.size()), rows(x.numbers.size(), 0.0);
      Expected summed{Numbers(size_t{entries} * width, 0.0), Numbers(size_t{entries} * width, 0.0)};
      for (uint32_t t = 0; t < steps; ++t)
        for (uint32_t b = 0; b < batch; ++b)
          for (uint32_t c = 0; c < width; ++c) {
            const size_t at = (size_t{t} * batch + b) * width + c;
            swapped[(size_t{b} * steps + t) * width + c] = x.numbers[at];
            const uint32_t id = ids[b * steps + t];
            if (id >= entries) continue;
            rows[at] = table.numbers[size_t{id} * width + c];
            summed.values[size_t{id} * width + c] += dy.numbers[at];
            summed.bounds[size_t{id} * width + c] += 15 * u * std::abs(dy.numbers[at]);
          }
      Case c;
      const Tensor given = c.input(x), named = c.input({batch, steps}, ids);
      const auto got = c.run({ops::swap_steps(c.recorder, given), ops::swap_steps(c.recorder, given, true),
                              ops::embed_ids(c.recorder, named, c.input(table)),
                              ops::embed_ids_backward(c.recorder, named, c.input(dy), entries)});
      check_close(got[0], exactly(swapped), dtype);
      check_close(got[1], exactly(swapped), DType::f32);
      check_close(got[2], exactly(rows), dtype);
      check_close(got[3], summed, DType::f32);
    }
}

TEST_CASE("Columns are joined, parted, added and repeated") {
  for (const DType dtype : storage_types())
    for (const auto& [a, b] : {std::pair{4U, 8U}, std::pair{3U, 10U}, std::pair{1U, 64U}}) {
      CAPTURE(name_of(dtype));
      const uint32_t columns = a;  // CAPTURE's lambda takes no structured binding
      CAPTURE(columns);
      constexpr uint32_t rows = 9;
      const Values x = random_values({rows, a}, dtype, 1), y = random_values({rows, b}, dtype, 2),
                   one = random_values({1, b}, dtype, 3);
      Numbers joined, sum, repeated;
      for (uint32_t i = 0; i < rows; ++i) {
        for (uint32_t k = 0; k < a; ++k) joined.push_back(x.numbers[i * a + k]);
        for (uint32_t k = 0; k < b; ++k) joined.push_back(y.numbers[i * b + k]);
        repeated.insert(repeated.end(), one.numbers.begin(), one.numbers.end());
      }
      Case c;
      const Tensor tx = c.input(x), ty = c.input(y);
      const Tensor both = ops::join_columns(c.recorder, {tx, ty});
      const Tensor back = ops::take_columns(c.recorder, both, a, b);
      const Tensor twice = ops::take_columns(c.recorder, both, a, b);
      ops::copy_columns(c.recorder, ty, 0, b, twice, 0, true);
      const auto got = c.run({both, back, twice, ops::repeat_row(c.recorder, c.input(one), rows)});
      check_close(got[0], exactly(joined), dtype);
      check_close(got[1], exactly(y.numbers), dtype);
      for (const double v : y.numbers) sum.push_back(2 * v);
      check_close(got[2], exactly(sum), dtype);
      check_close(got[3], exactly(repeated), dtype);
    }
}

TEST_CASE("hyperbolic and its gradient over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : widths) {
      CAPTURE(name_of(dtype));
      CAPTURE(width);
      const Values x = random_values({7, width}, dtype, 1, 6), dy = random_values({7, width}, DType::f32, 2);
      Expected y, dx;
      for (size_t i = 0; i < x.numbers.size(); ++i) {
        y.add(std::tanh(x.numbers[i]), 2 * activation_bound(8, 2 * x.numbers[i]) + 2 * u);
        const double value = stored(std::tanh(x.numbers[i]), dtype);
        // The stored y may be one rounding away, which counts twice.
        const double off = y.bounds[i] + storage_bound(value, dtype) + u;
        dx.add(dy.numbers[i] * (1 - value * value),
               std::abs(dy.numbers[i]) * (2 * std::abs(value) * off + 3 * u));
      }
      Case c;
      const Tensor t = ops::hyperbolic(c.recorder, c.input(x));
      const auto got = c.run({t, ops::hyperbolic_backward(c.recorder, t, c.input(dy))});
      check_close(got[0], y, dtype);
      check_close(got[1], dx, DType::f32);
    }
}

TEST_CASE("cross_entropy and its gradient, with targets that do not count") {
  for (const DType dtype : storage_types())
    for (const uint32_t classes : {1U, 5U, 300U}) {
      CAPTURE(name_of(dtype));
      CAPTURE(classes);
      constexpr uint32_t steps = 3, batch = 4, pad = 0;
      const Values x = random_values({steps, batch, classes}, dtype, 1, 5);
      std::vector<uint32_t> targets;
      for (uint32_t i = 0; i < batch * steps; ++i) targets.push_back(classes == 1 ? i % 2 : i * 7 % classes);
      double count = 0;
      for (const uint32_t target : targets) count += target != pad ? 1 : 0;
      Expected losses, gradient;
      double sum = 0;
      for (uint32_t t = 0; t < steps; ++t)
        for (uint32_t b = 0; b < batch; ++b) {
          const double* row = &x.numbers[(size_t{t} * batch + b) * classes];
          const uint32_t target = targets[b * steps + t];
          const bool counts = target != pad && target < classes;
          double largest = *std::max_element(row, row + classes), total = 0;
          for (uint32_t c = 0; c < classes; ++c) total += std::exp(row[c] - largest);
          const double loss = counts ? (largest + std::log(total) - row[target]) / count : 0;
          sum += loss;
          losses.add(loss, (classes + 60.0) * u * (std::abs(largest) + 10));
          for (uint32_t c = 0; c < classes; ++c) {
            const double p = std::exp(row[c] - largest) / total;
            gradient.add(counts ? (p - (c == target ? 1 : 0)) / count : 0,
                         counts ? (p * (classes + 60.0) + 4) * u / count : 0);
          }
        }
      Case c;
      const auto out = ops::cross_entropy(c.recorder, c.input(x), c.input({batch, steps}, targets), pad);
      const auto got = c.run({out.losses, out.gradient, ops::total(c.recorder, out.losses)});
      check_close(got[0], losses, DType::f32);
      check_close(got[1], gradient, DType::f32);
      CHECK(std::abs(got[2][0] - sum) < 1e-4);
    }
}

TEST_CASE("Centres of local attention") {
  const std::vector<uint32_t> lengths{0, 3, 9};
  constexpr uint32_t batch = 3, queries = 5;
  const Values x = random_values({batch, queries}, DType::f32, 1, 3),
               dy = random_values({batch, queries}, DType::f32, 2);
  Numbers whole;
  Expected predicted, gradient;
  for (uint32_t b = 0; b < batch; ++b)
    for (uint32_t i = 0; i < queries; ++i) {
      const double length = lengths[b], z = x.numbers[b * queries + i], s = 1 / (1 + std::exp(-z));
      whole.push_back(std::floor(i * length / queries));
      predicted.add(length * s, length * (activation_bound(8, z) + u));
      gradient.add(length * s * (1 - s) * dy.numbers[b * queries + i], 64 * u * length);
    }
  Case c;
  const Tensor rows = c.input({batch}, lengths);
  const Tensor centres = ops::predicted_centres(c.recorder, c.input(x), rows);
  const auto got = c.run({ops::monotonic_centres(c.recorder, rows, queries).centres, centres,
                          ops::predicted_centres_backward(c.recorder, centres, c.input(dy), rows)});
  check_close(got[0], exactly(whole), DType::f32);
  check_close(got[1], predicted, DType::f32);
  check_close(got[2], gradient, DType::f32);
}

TEST_CASE("Sums over all elements") {
  const Values a = random_values({3, 41}, DType::f32, 1), b = random_values({123}, DType::f32, 2);
  double product = 0, sum = 0;
  for (size_t i = 0; i < a.numbers.size(); ++i) {
    product += a.numbers[i] * b.numbers[i];
    sum += a.numbers[i];
  }
  Case c;
  const Tensor x = c.input(a);
  const auto got = c.run({ops::inner_product(c.recorder, x, c.input(b)), ops::total(c.recorder, x)});
  CHECK(std::abs(got[0][0] - product) < 1e-5);
  CHECK(std::abs(got[1][0] - sum) < 1e-5);
}

}  // namespace fovea::test
