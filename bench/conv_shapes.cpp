#include "bench/conv_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "fovea/error.h"
#include "models/weights/weight_store.h"
#include "runtime/ops/conv/conv.h"

namespace fovea::bench {
namespace {

struct ConvShape {
  uint32_t count, size, inputs, columns, taps, stride, groups;
  uint32_t out() const { return (size + stride - 1) / stride; }
};

// At 224 × 224: stem, then stages of 3, 4, 6, 3 bottlenecks; the first of a stage strides in its 3 × 3.
const std::vector<ConvShape> se_resnet50{
    {1, 224, 4, 64, 7, 2, 1},    {1, 56, 64, 64, 1, 1, 1},    {3, 56, 64, 64, 3, 1, 1},
    {4, 56, 64, 256, 1, 1, 1},   {2, 56, 256, 64, 1, 1, 1},   {1, 56, 256, 128, 1, 1, 1},
    {1, 56, 128, 128, 3, 2, 1},  {4, 28, 128, 512, 1, 1, 1},  {1, 56, 256, 512, 1, 2, 1},
    {3, 28, 512, 128, 1, 1, 1},  {3, 28, 128, 128, 3, 1, 1},  {1, 28, 512, 256, 1, 1, 1},
    {1, 28, 256, 256, 3, 2, 1},  {6, 14, 256, 1024, 1, 1, 1}, {1, 28, 512, 1024, 1, 2, 1},
    {5, 14, 1024, 256, 1, 1, 1}, {5, 14, 256, 256, 3, 1, 1},  {1, 14, 1024, 512, 1, 1, 1},
    {1, 14, 512, 512, 3, 2, 1},  {3, 7, 512, 2048, 1, 1, 1},  {1, 14, 1024, 2048, 1, 2, 1},
    {2, 7, 2048, 512, 1, 1, 1},  {2, 7, 512, 512, 3, 1, 1}};

// At 256 × 256: stem, inverted residuals, and the convolutions around the transformers.
const std::vector<ConvShape> mobilevit_xxs{
    {1, 256, 4, 16, 3, 2, 1},     {1, 128, 16, 32, 1, 1, 1}, {1, 128, 32, 32, 3, 1, 32},
    {1, 128, 32, 16, 1, 1, 1},    {1, 128, 16, 32, 1, 1, 1}, {1, 128, 32, 32, 3, 2, 32},
    {1, 64, 32, 24, 1, 1, 1},     {3, 64, 24, 48, 1, 1, 1},  {2, 64, 48, 48, 3, 1, 48},
    {2, 64, 48, 24, 1, 1, 1},     {1, 64, 48, 48, 3, 2, 48}, {1, 32, 48, 48, 1, 1, 1},
    {1, 32, 48, 48, 3, 1, 1},     {1, 32, 48, 64, 1, 1, 1},  {1, 32, 64, 48, 1, 1, 1},
    {1, 32, 96, 48, 3, 1, 1},     {1, 32, 48, 96, 1, 1, 1},  {1, 32, 96, 96, 3, 2, 96},
    {1, 16, 96, 64, 1, 1, 1},     {1, 16, 64, 64, 3, 1, 1},  {1, 16, 64, 80, 1, 1, 1},
    {1, 16, 80, 64, 1, 1, 1},     {1, 16, 128, 64, 3, 1, 1}, {1, 16, 64, 128, 1, 1, 1},
    {1, 16, 128, 128, 3, 2, 128}, {1, 8, 128, 80, 1, 1, 1},  {1, 8, 80, 80, 3, 1, 1},
    {1, 8, 80, 96, 1, 1, 1},      {1, 8, 96, 80, 1, 1, 1},   {1, 8, 160, 80, 3, 1, 1},
    {1, 8, 80, 320, 1, 1, 1}};

// Sixteenths up to one half, different for neighbours.
std::vector<float> values(size_t count, uint32_t seed) {
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i)
    out[i] = static_cast<float>(static_cast<int>((i * 7919 + seed) % 17) - 8) / 16.0F;
  return out;
}

// A diagonal through the result, in double.
void check(const ConvShape& s, const std::vector<float>& x, const std::vector<float>& w,
           const std::vector<float>& y) {
  const uint32_t depth = s.inputs / s.groups, pad = s.taps / 2;
  for (uint32_t i = 0; i < std::max(s.out(), s.columns); ++i) {
    const uint32_t row = i % s.out(), col = i * 5 % s.out(), column = i % s.columns;
    double sum = 0;
    for (uint32_t tap = 0; tap < s.taps * s.taps; ++tap) {
      const uint32_t from_row = row * s.stride + tap / s.taps - pad,
                     from_col = col * s.stride + tap % s.taps - pad;
      if (from_row >= s.size || from_col >= s.size) continue;
      const size_t at =
          (size_t{from_row} * s.size + from_col) * s.inputs + column / (s.columns / s.groups) * depth;
      for (uint32_t k = 0; k < depth; ++k)
        sum += double{x[at + k]} * double{w[(size_t{column} * depth + k) * s.taps * s.taps + tap]};
    }
    if (!(std::abs(double{y[(size_t{row} * s.out() + col) * s.columns + column]} - sum) <= 1e-3))
      throw Error(ErrorKind::unsupported,
                  fmt::format("[bench] a convolution of {} × {} × {} to {} is wrong at {} {} {}", s.size,
                              s.size, s.inputs, s.columns, row, col, column));
  }
}

struct Milliseconds {
  double device, cpu;  // best of the runs; mean of the process, of all its threads
};

Milliseconds measure(const Device& device, const ConvShape& s, uint32_t runs) {
  WeightStore store(device.impl(), DType::f32);
  const ops::Window window = ops::Window::square(s.taps, s.stride, s.taps / 2);
  const uint32_t depth = s.inputs / s.groups, taps = s.taps * s.taps;
  const auto x = values(size_t{s.size} * s.size * s.inputs, 1),
             w = values(size_t{s.columns} * depth * taps, 2);
  const ops::ConvWeights weights{
      store.matrix(ops::pack_conv(w, s.columns, depth, depth, window), {taps * depth, s.columns}),
      store.vector(std::vector<float>(s.columns), {s.columns}),
      s.inputs,
      s.columns,
      s.groups,
      window};
  store.finish();
  Recorder::Options options;
  options.profile = true;
  Recorder r(device.impl(), options);
  const Tensor input = r.input({1, s.size, s.size, s.inputs}, DType::f32, "x");
  const Tensor output = ops::conv(r, input, weights, {});
  r.output(output);
  Program program = r.finish();
  program.write(input, std::as_bytes(std::span(x)));
  program.run();
  std::vector<float> y(output.shape.elements());
  program.read(output, std::as_writable_bytes(std::span(y)));
  check(s, x, w, y);
  double best = INFINITY;
  const std::clock_t start = std::clock();
  for (uint32_t i = 0; i < runs; ++i) {
    program.run();
    double ms = 0;
    for (const DispatchTime& d : program.dispatch_times()) ms += d.ms;
    best = std::min(best, ms);
  }
  return {best, 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / runs};
}

void print_network(const Device& device, const char* name, const std::vector<ConvShape>& shapes,
                   uint32_t runs) {
  fmt::print("\n| {} | × | ms | GFLOP/s | CPU ms |\n|---|---|---|---|---|\n", name);
  double total_ms = 0, total_cpu = 0, total_flops = 0;
  for (const ConvShape& s : shapes) {
    const Milliseconds ms = measure(device, s, runs);
    const double flops = 2.0 * s.out() * s.out() * s.columns * (s.inputs / s.groups) * s.taps * s.taps;
    total_ms += s.count * ms.device;
    total_cpu += s.count * ms.cpu;
    total_flops += s.count * flops;
    fmt::print("| {}² × {} → {}, {} × {}, stride {}{} | {} | {:.2f} | {:.1f} | {:.2f} |\n", s.size, s.inputs,
               s.columns, s.taps, s.taps, s.stride, s.groups == 1 ? "" : ", depthwise", s.count, ms.device,
               flops / ms.device * 1e-6, ms.cpu);
    std::fflush(stdout);
  }
  fmt::print("| all | | {:.1f} | {:.1f} | {:.1f} |\n", total_ms, total_flops / total_ms * 1e-6, total_cpu);
}

}  // namespace

void print_conv_shapes(const Device& device, uint32_t runs) {
  print_network(device, "SE-ResNet-50", se_resnet50, runs);
  print_network(device, "MobileViT-XXS", mobilevit_xxs, runs);
}

}  // namespace fovea::bench
