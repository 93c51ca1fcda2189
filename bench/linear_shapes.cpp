#include "bench/linear_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "fovea/error.h"
#include "models/weights/weight_store.h"
#include "runtime/ops/nn/linear.h"

namespace fovea::bench {
namespace {

struct LinearShape {
  uint32_t m, n, k;
};

// Sixteenths up to one half, different for neighbours.
std::vector<float> values(size_t count, uint32_t seed) {
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i)
    out[i] = static_cast<float>(static_cast<int>((i * 7919 + seed) % 17) - 8) / 16.0F;
  return out;
}

// One element a row and column of a diagonal through the result, in double.
void check(const LinearShape& s, const std::vector<float>& x, const std::vector<float>& w,
           const std::vector<float>& y) {
  for (uint32_t i = 0; i < std::max(s.m, s.n); ++i) {
    const uint32_t row = i % s.m, column = i % s.n;
    double sum = 0;
    for (uint32_t k = 0; k < s.k; ++k)
      sum += double{x[size_t{row} * s.k + k]} * double{w[size_t{column} * s.k + k]};
    if (!(std::abs(double{y[size_t{row} * s.n + column]} - sum) <= 1e-3))
      throw Error(ErrorKind::unsupported, fmt::format("[bench] linear {} × {} × {} is wrong at ({}, {})", s.m,
                                                      s.n, s.k, row, column));
  }
}

void print_row(const Device& device, const LinearShape& s, uint32_t runs) {
  WeightStore store(device.impl(), DType::f32);
  const auto x = values(size_t{s.m} * s.k, 1), w = values(size_t{s.n} * s.k, 2);
  const ops::LinearWeights weights{
      store.matrix(ops::pack_linear(w, s.n, s.k), {s.k, (s.n + 3) / 4 * 4}), {}, s.n};
  store.finish();
  Recorder::Options options;
  options.profile = true;
  Recorder r(device.impl(), options);
  const Tensor input = r.input({s.m, s.k}, DType::f32, "x");
  const Tensor output = ops::linear(r, input, weights);
  r.output(output);
  Program program = r.finish();
  program.write(input, std::as_bytes(std::span(x)));
  program.run();
  std::vector<float> y(output.shape.elements());
  program.read(output, std::as_writable_bytes(std::span(y)));
  check(s, x, w, y);

  std::vector<double> rates;
  for (uint32_t i = 0; i < runs; ++i) {
    program.run();
    for (const DispatchTime& d : program.dispatch_times())
      rates.push_back(static_cast<double>(d.flops) / d.ms * 1e-6);
  }
  if (rates.empty()) throw Error(ErrorKind::unsupported, "[bench] this device has no timestamps");
  std::sort(rates.begin(), rates.end());
  fmt::print("| {} | {} | {} | {:.1f} | {:.1f} |\n", s.m, s.n, s.k, rates[rates.size() / 2], rates.back());
}

}  // namespace

void print_linear_shapes(const Device& device, uint32_t runs) {
  fmt::print("\n| M | N | K | GFLOP/s, median | best |\n|---|---|---|---|---|\n");
  for (const LinearShape& s : {LinearShape{197, 576, 192}, LinearShape{197, 192, 192},
                               LinearShape{197, 768, 192}, LinearShape{197, 192, 768}})
    print_row(device, s, runs);
}

}  // namespace fovea::bench
