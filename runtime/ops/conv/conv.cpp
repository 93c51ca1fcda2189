#include "runtime/ops/conv/conv.h"

#include <fmt/format.h>

namespace fovea::ops {
namespace {

ConvPush push_of(const Tensor& x, const ConvWeights& weights) {
  const Window& window = weights.window;
  const uint32_t height = x.shape[1], width = x.shape[2];
  return {x.shape[0],
          height,
          width,
          weights.inputs,
          window.out_rows(height),
          window.out_cols(width),
          weights.columns,
          (weights.columns + 3) / 4,
          weights.groups,
          window.rows,
          window.cols,
          window.stride,
          window.dilation,
          window.top,
          window.left};
}

// Everything that a kernel takes for granted.
void check_operands(const Tensor& x, const ConvWeights& weights, const LinearOptions& options) {
  const uint32_t columns4 = (weights.columns + 3) / 4;
  const auto describe = [&] {
    return fmt::format("{} {}, {} {} for {} inputs, {} columns, {} groups, window {}", shape_of("x", x),
                       to_string(x.dtype), shape_of("w", weights.w), to_string(weights.w.dtype),
                       weights.inputs, weights.columns, weights.groups, to_string(weights.window));
  };
  const uint32_t count = weights.groups;
  check(x.shape.rank() == 4 && x.shape.elements() != 0 && weights.inputs == x.shape[3] && count != 0 &&
            weights.columns != 0 && weights.inputs % count == 0 && weights.columns % count == 0 &&
            weights.window.fits(x.shape[1], x.shape[2]),
        "conv", describe);
  const uint64_t depth = uint64_t{weights.window.rows} * weights.window.cols * (weights.inputs / count);
  const Shape out{x.shape[0], weights.window.out_rows(x.shape[1]), weights.window.out_cols(x.shape[2]),
                  weights.columns};
  check(depth <= UINT32_MAX && weights.w.shape == Shape{static_cast<uint32_t>(depth), columns4 * 4} &&
            weights.w.dtype == x.dtype && x.shape.elements() <= INT32_MAX && out.elements() <= INT32_MAX,
        "conv", describe);
  for (const auto& [name, vector] : {std::pair{"bias", weights.bias}, std::pair{"scale", options.scale}})
    check(!vector || (vector.shape == Shape{columns4 * 4} && vector.dtype == DType::f32), "conv",
          [name = name, &vector = vector, &weights] {  // Clang < 16 captures no structured bindings
            return fmt::format("{} for {} columns", shape_of(name, vector), weights.columns);
          });
  check(!options.residual ||
            (options.residual.shape.elements() == out.elements() && options.residual.dtype == x.dtype),
        "conv",
        [&] { return fmt::format("{}, y is {}", shape_of("residual", options.residual), to_string(out)); });
}

constexpr uint32_t most_unrolled_taps = 49;  // of a depthwise window

// Which kernel computes a convolution.
enum class Family { depthwise, product, direct };

Family family_of(const ConvPush& p) {
  if (p.groups == p.inputs && p.groups == p.columns && p.columns % 4 == 0 && p.groups != 1 &&
      uint64_t{p.rows} * p.cols <= most_unrolled_taps)
    return Family::depthwise;
  return p.groups == 1 || p.columns / p.groups % 4 == 0 ? Family::product : Family::direct;
}

DepthwiseSpec depthwise_spec(const ConvPush& p, bool texels, const LinearEpilogue& epilogue) {
  DepthwiseSpec spec{64, 4, 1, p.rows, p.cols, p.stride, epilogue};
  // Every load costs as much as a dozen products on a CPU driver: more pixels a lane share more of them. All
  // is unrolled, so large windows stop at one row to keep compilation below a second.
  if (texels)
    spec = {16, 8, p.stride == 1 && p.rows * p.cols <= 9 ? 2U : 1U, p.rows, p.cols, p.stride, epilogue};
  // Windows that are far apart share nothing.
  if (p.dilation != 1 || p.stride > 2) spec.run = spec.down = 1;
  return spec;
}

struct Operands {
  Tensor x, w, bias, scale, residual, y;
};

template <class Kernel>
void record(Recorder& r, const Operands& t, const ConvPush& push, const typename Kernel::Spec& spec) {
  const uint64_t flops = 2 * t.y.shape.elements() * push.rows * push.cols * (push.inputs / push.groups);
  // A binding nobody reads still needs a tensor.
  const auto given = [](const Tensor& wanted, const Tensor& other) { return wanted ? wanted : other; };
  r.dispatch<Kernel>({t.x, t.w, given(t.bias, t.w), given(t.scale, t.w), given(t.residual, t.x), t.y}, push,
                     spec, flops);
}

bool texels_fit(const Recorder& r, const Operands& t) {
  const uint64_t most = r.device().limits().max_texel_elements;
  return prefers_texels(r.device().info()) && t.x.shape.elements() / 4 <= most &&
         t.w.shape.elements() / 4 <= most && t.y.shape.elements() / 4 <= most;
}

void record_product(Recorder& r, const Operands& t, const ConvPush& push, const LinearEpilogue& epilogue) {
  // The tile for a linear layer of the same size: the inner loop is the same.
  const uint32_t depth = push.inputs / push.groups, columns = push.columns / push.groups;
  const uint64_t pixels = t.y.shape.rows(), k = uint64_t{push.rows} * push.cols * depth;
  const uint32_t fours = columns % 4 == 0 ? 1 : 0;
  const LinearPush product{static_cast<uint32_t>(pixels), groups(columns, 4) * 4, static_cast<uint32_t>(k),
                           groups(columns, 4)};
  if (depth % 4 == 0 && texels_fit(r, t) && (fours != 0 || !t.residual))
    record<ConvTexel>(r, t, push,
                      {TexelTile::fitted(r.device().info(), product.m, product.columns4), fours, epilogue});
  else
    record<ConvTiled>(
        r, t, push,
        {best_shared_tile(r, product, k % 4 == 0, t.x.dtype), depth % 4 == 0 ? 1U : 0U, epilogue});
}

// What convolutions end in, besides an activation: nothing, a bias, a residual and ReLU.
constexpr LinearEpilogue epilogues[]{
    {0, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {4, 1, 0, 0, 0}, {6, 1, 0, 0, 0}, {0, 1, 0, 1, 4}};

std::vector<DepthwiseSpec> depthwise_variants(bool texels) {
  std::vector<DepthwiseSpec> out;
  for (const uint32_t size : {3U, 5U, 7U})
    for (const uint32_t stride : {1U, 2U, 4U})
      for (const LinearEpilogue& epilogue : epilogues) {
        ConvPush p{};
        p.rows = p.cols = size;
        p.stride = stride;
        p.dilation = 1;
        out.push_back(depthwise_spec(p, texels, epilogue));
      }
  return out;
}

}  // namespace

std::vector<ConvTiled::Spec> ConvTiled::variants(const DeviceInfo& device) {
  std::vector<Spec> out;
  for (const SharedTile& tile : SharedTile::candidates(device))
    for (const uint32_t fours : {1U, 0U})
      for (const LinearEpilogue& epilogue : epilogues) out.push_back({tile, fours, epilogue});
  return out;
}

std::vector<ConvTexel::Spec> ConvTexel::variants(const DeviceInfo& device) {
  std::vector<Spec> out;
  if (!prefers_texels(device)) return out;
  for (const TexelTile& tile : TexelTile::shapes(device))
    for (const LinearEpilogue& epilogue : epilogues) out.push_back({tile, 1, epilogue});
  return out;
}

std::vector<DepthwiseSpec> DepthwiseTexel::variants(const DeviceInfo& device) {
  return prefers_texels(device) ? depthwise_variants(true) : std::vector<DepthwiseSpec>{};
}

std::vector<DepthwiseSpec> Depthwise::variants(const DeviceInfo&) {
  return depthwise_variants(false);
}

std::vector<float> pack_conv(std::span<const float> weight, uint32_t columns, uint32_t inputs,
                             uint32_t inputs_padded, const Window& window) {
  const size_t padded = (size_t{columns} + 3) / 4 * 4, taps = size_t{window.rows} * window.cols;
  std::vector<float> out(taps * inputs_padded * padded);
  for (size_t n = 0; n < columns; ++n)
    for (size_t k = 0; k < inputs; ++k)
      for (size_t tap = 0; tap < taps; ++tap)
        out[(tap * inputs_padded + k) * padded + n] = weight[(n * inputs + k) * taps + tap];
  return out;
}

Tensor conv(Recorder& r, const Tensor& x, const ConvWeights& weights, const LinearOptions& options) {
  check_operands(x, weights, options);
  if (weights.window == Window{} && weights.groups == 1)
    return linear(r, x, {weights.w, weights.bias, weights.columns}, options);

  const ConvPush push = push_of(x, weights);
  const Tensor y = r.temporary({push.images, push.out_height, push.out_width, push.columns}, x.dtype, "conv");
  const LinearEpilogue epilogue{static_cast<uint32_t>(options.activation), weights.bias ? 1U : 0U,
                                options.scale ? 1U : 0U, options.residual ? 1U : 0U,
                                static_cast<uint32_t>(options.final)};
  const Operands operands{x, weights.w, weights.bias, options.scale, options.residual, y};
  switch (family_of(push)) {
    case Family::depthwise:
      if (texels_fit(r, operands))
        record<DepthwiseTexel>(r, operands, push, depthwise_spec(push, true, epilogue));
      else
        record<Depthwise>(r, operands, push, depthwise_spec(push, false, epilogue));
      break;
    case Family::product:
      record_product(r, operands, push, epilogue);
      break;
    case Family::direct:
      record<ConvDirect>(r, operands, push, {64, epilogue});
      break;
  }
  return y;
}

}  // namespace fovea::ops
