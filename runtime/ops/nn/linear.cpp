#include "runtime/ops/nn/linear.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>

#include "core/floats.h"
#include "runtime/tune/tuner.h"

namespace fovea::ops {
namespace {

// Activation, bias, scale, residual, final: what layers of transformers and convolutional networks end in.
constexpr LinearEpilogue epilogues[]{{0, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {1, 1, 0, 0, 0}, {2, 1, 0, 0, 0},
                                     {3, 1, 0, 0, 0}, {4, 1, 0, 0, 0}, {6, 1, 0, 0, 0}, {0, 1, 0, 1, 0},
                                     {0, 1, 1, 1, 0}, {0, 1, 0, 1, 4}};

struct Operands {
  Tensor x, w, bias, scale, residual, y;
};

template <class Kernel>
Call<Kernel> call_of(const typename Kernel::Spec& spec, const Operands& t, const LinearPush& push) {
  // A binding nobody reads still needs a tensor.
  const auto given = [](const Tensor& wanted, const Tensor& other) { return wanted ? wanted : other; };
  return {{t.x, t.w, given(t.bias, t.w), given(t.scale, t.w), given(t.residual, t.x), t.y},
          push,
          spec,
          uint64_t{2} * push.m * push.n * push.k};
}

// What is fastest does not change beyond; a CPU would take seconds for it.
uint32_t trial_rows(const DeviceInfo& device, const LinearPush& p) {
  const uint64_t most = device.type == DeviceType::cpu ? 25'000'000 / (uint64_t{p.n} * p.k) : 4096;
  return std::min(p.m, static_cast<uint32_t>(std::clamp<uint64_t>(most, 64, 4096)));
}

// Small values whose products and short sums are exact in fp16 and fp32 alike, so that a wrong kernel shows.
float trial_value(uint32_t i) {
  return static_cast<float>(static_cast<int>(i * 7919U % 9U) - 4) / 8.0F;
}

std::vector<std::byte> trial_data(uint64_t elements, DType dtype) {
  std::vector<float> values(elements);
  for (uint64_t i = 0; i < elements; ++i) values[i] = trial_value(static_cast<uint32_t>(i));
  return from_floats(values, dtype);
}

// A diagonal through the result, its corners included.
bool trial_correct(const std::vector<float>& y, const LinearPush& p) {
  const uint32_t samples = std::min(64U, std::max(p.m, p.n));
  for (uint32_t s = 0; s < samples; ++s) {
    const uint32_t row = samples == 1 ? 0 : uint32_t(uint64_t{s} * (p.m - 1) / (samples - 1));
    const uint32_t column = samples == 1 ? 0 : uint32_t(uint64_t{s} * (p.n - 1) / (samples - 1));
    double sum = 0;
    for (uint32_t k = 0; k < p.k; ++k)
      sum += double{trial_value(row * p.k + k)} * double{trial_value(k * p.columns4 * 4 + column)};
    const double got = y[size_t{row} * p.n + column];
    if (!(std::abs(got - sum) <= 1e-3 * (1.0 + std::abs(sum)))) return false;
  }
  return true;
}

}  // namespace

std::vector<SharedTile> SharedTile::candidates(const DeviceInfo& device) {
  std::vector<SharedTile> out;
  for (const SharedTile& t : {SharedTile{128, 64, 64, 8}, SharedTile{64, 32, 32, 4},
                              SharedTile{256, 128, 64, 8}, SharedTile{256, 128, 128, 8}})
    if (t.group <= device.max_invocations && 4 * 16 * (t.rows + 4 + t.columns) <= device.shared_bytes)
      out.push_back(t);
  return out;
}

std::vector<LinearTiled::Spec> LinearTiled::variants(const DeviceInfo& device) {
  std::vector<Spec> out;
  for (const SharedTile& tile : SharedTile::candidates(device))
    for (const uint32_t fours : {1U, 0U})
      for (const LinearEpilogue& epilogue : epilogues) out.push_back({tile, fours, epilogue});
  return out;
}

std::array<TexelTile, 2> TexelTile::shapes(const DeviceInfo& device) {
  const uint32_t lanes = device.subgroup_size, group = std::max(8U, lanes);
  return {{{group, lanes, group}, {group, 4, 4}}};
}

TexelTile TexelTile::few(const DeviceInfo& device, uint32_t m) {
  const uint32_t lanes = device.subgroup_size, group = std::max(8U, lanes), rows = std::bit_ceil(m);
  return {group, std::min(rows, lanes), group, rows};
}

TexelTile TexelTile::fitted(const DeviceInfo& device, uint32_t m, uint32_t columns4) {
  const auto [wide, narrow] = shapes(device);
  const auto padded = [&](const TexelTile& t) {
    return uint64_t{groups(m, t.rows())} * t.rows() * groups(columns4, t.columns) * t.columns;
  };
  // Lanes that share columns fetch the same weights, which costs about a tenth.
  return 10 * padded(narrow) < 9 * padded(wide) ? narrow : wide;
}

std::vector<LinearTexel::Spec> LinearTexel::variants(const DeviceInfo& device) {
  std::vector<Spec> out;
  for (const TexelTile& tile : TexelTile::shapes(device))
    for (const LinearEpilogue& epilogue : epilogues) out.push_back({tile, epilogue});
  for (const uint32_t m : {1U, 2U, 4U, 8U}) out.push_back({TexelTile::few(device, m), {}});
  return out;
}

LinearTexel::Spec LinearTexel::fitted(const Recorder& r, const Push& p, DType,
                                      const LinearEpilogue& epilogue) {
  const DeviceInfo& device = r.device().info();
  return {
      p.m <= TexelTile::most_few ? TexelTile::few(device, p.m) : TexelTile::fitted(device, p.m, p.columns4),
      epilogue};
}

LinearTiled::Spec LinearTiled::fitted(const Recorder& r, const Push& p, DType dtype,
                                      const LinearEpilogue& epilogue) {
  const bool fours = (p.n | p.k) % 4 == 0;
  return {best_shared_tile(r, p, fours, dtype), fours ? 1U : 0U, epilogue};
}

SharedTile best_shared_tile(const Recorder& r, const LinearPush& product, bool fours, DType dtype) {
  const std::vector<SharedTile> tiles = SharedTile::candidates(r.device().info());
  LinearPush p = product;
  p.m = trial_rows(r.device().info(), p);
  Trial trial;
  trial.key = fmt::format("{} {} {}x{}x{}", LinearTiled::shader.name, to_string(dtype), p.m, p.n, p.k);
  struct Recorded {
    Tensor x, w;
  };
  auto recorded = std::make_shared<Recorded>();
  for (const SharedTile& tile : tiles) {
    const LinearTiled::Spec spec{tile, fours ? 1U : 0U, {}};
    trial.candidates.push_back(
        {fmt::format("{}", fmt::join(constants_of(tile), " ")), [=](Recorder& recorder) {
           recorded->x = recorder.input({p.m, p.k}, dtype, "trial x");
           recorded->w = recorder.input({p.k, p.columns4 * 4}, dtype, "trial w");
           const Tensor y = recorder.temporary({p.m, p.n}, dtype, "trial y");
           const auto call = call_of<LinearTiled>(spec, {recorded->x, recorded->w, {}, {}, {}, y}, p);
           recorder.dispatch<LinearTiled>(call.bind, call.push, call.spec, call.flops);
           return y;
         }});
  }
  trial.fill = [=](Program& program) {
    program.write(recorded->x, trial_data(recorded->x.shape.elements(), dtype));
    program.write(recorded->w, trial_data(recorded->w.shape.elements(), dtype));
  };
  trial.correct = [=](const Program& program, const Tensor& y) {
    return trial_correct(program.read_floats(y), p);
  };
  return tiles[choose(r, trial)];
}

std::vector<float> pack_linear(std::span<const float> weight, uint32_t columns, uint32_t inputs) {
  const uint32_t padded = (columns + 3) / 4 * 4;
  std::vector<float> out(size_t{inputs} * padded);
  for (uint32_t n = 0; n < columns; ++n)
    for (uint32_t k = 0; k < inputs; ++k) out[size_t{k} * padded + n] = weight[size_t{n} * inputs + k];
  return out;
}

std::vector<float> pad_to_fours(std::span<const float> values) {
  std::vector<float> out(values.begin(), values.end());
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

Tensor linear(Recorder& r, const Tensor& x, const LinearWeights& weights, const LinearOptions& options) {
  const uint32_t k = x.shape.last(), n = weights.columns, columns4 = (n + 3) / 4;
  const uint64_t rows = x.shape.rows();
  check(weights.w.shape == Shape{k, columns4 * 4} && weights.w.dtype == x.dtype &&
            rows <= UINT32_MAX / std::max(n, k),
        "linear", [&] {
          return fmt::format("{} {}, {} {} for {} columns", shape_of("x", x), to_string(x.dtype),
                             shape_of("w", weights.w), to_string(weights.w.dtype), n);
        });
  const Shape& s = x.shape;
  const Shape out = s.rank() == 2   ? Shape{s[0], n}
                    : s.rank() == 3 ? Shape{s[0], s[1], n}
                                    : Shape{s[0], s[1], s[2], n};
  for (const auto& [name, vector] : {std::pair{"bias", weights.bias}, std::pair{"scale", options.scale}})
    check(!vector || (vector.shape == Shape{columns4 * 4} && vector.dtype == DType::f32), "linear",
          [name = name, &vector = vector, n] {  // Clang < 16 captures no structured bindings
            return fmt::format("{} for {} columns", shape_of(name, vector), n);
          });
  check(!options.residual ||
            (options.residual.shape.elements() == out.elements() && options.residual.dtype == x.dtype),
        "linear",
        [&] { return fmt::format("{}, y is {}", shape_of("residual", options.residual), to_string(out)); });

  const Tensor y = r.temporary(out, x.dtype, "linear");
  const LinearPush push{static_cast<uint32_t>(rows), n, k, columns4};
  const LinearEpilogue epilogue{static_cast<uint32_t>(options.activation), weights.bias ? 1U : 0U,
                                options.scale ? 1U : 0U, options.residual ? 1U : 0U,
                                static_cast<uint32_t>(options.final)};
  const Operands operands{x, weights.w, weights.bias, options.scale, options.residual, y};
  linear_kernels.dispatch(
      r, [&]<class K>(K) { return call_of<K>(K::fitted(r, push, x.dtype, epilogue), operands, push); });
  return y;
}

}  // namespace fovea::ops
