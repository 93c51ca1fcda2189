#include "runtime/ops/conv/conv.h"

#include <fmt/format.h>

namespace fovea::ops {
namespace {

ConvPush push_of(const Tensor& x, const ConvWeights& weights) {
  const Window& window = weights.window;
  const uint32_t height = x.shape[1], width = x.shape[2];
  return {.images = x.shape[0],
          .height = height,
          .width = width,
          .inputs = weights.inputs,
          .out_height = window.out_rows(height),
          .out_width = window.out_cols(width),
          .columns = weights.columns,
          .columns4 = (weights.columns + 3) / 4,
          .groups = weights.groups,
          .window_height = window.rows,
          .window_width = window.cols,
          .stride = window.stride,
          .dilation = window.dilation,
          .top = window.top,
          .left = window.left};
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

// What convolutions end in, besides an activation: nothing, a bias, a residual and ReLU.
constexpr LinearEpilogue epilogues[]{
    {0, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {4, 1, 0, 0, 0}, {6, 1, 0, 0, 0}, {0, 1, 0, 1, 4}};

}  // namespace

LinearPush product_of(const ConvPush& p) {
  const uint32_t columns = p.columns / p.groups;
  return {.m = p.images * p.out_height * p.out_width,
          .n = groups(columns, 4) * 4,
          .k = p.window_height * p.window_width * (p.inputs / p.groups),
          .columns4 = groups(columns, 4)};
}

ConvTiled::Spec ConvTiled::fitted(const Recorder& r, const Push& p, DType dtype,
                                  const LinearEpilogue& epilogue) {
  // The tile for a linear layer of the same size: the inner loop is the same, but where the window lies takes
  // registers too.
  const LinearPush product = product_of(p);
  const SharedTile tile = best_shared_tile(r, product, product.k % 4 == 0, dtype).of_four_columns();
  return {tile, p.inputs / p.groups % 4 == 0 ? 1U : 0U, epilogue};
}

std::vector<ConvTiled::Spec> ConvTiled::variants(const DeviceInfo& device) {
  std::vector<Spec> out;
  for (const SharedTile& tile : SharedTile::candidates(device))
    for (const uint32_t fours : {1U, 0U})
      for (const LinearEpilogue& epilogue : epilogues)
        out.push_back({tile.of_four_columns(), fours, epilogue});
  return out;
}

ConvTexel::Spec ConvTexel::fitted(const Recorder& r, const Push& p, DType, const LinearEpilogue& epilogue) {
  const LinearPush product = product_of(p);
  return {TexelTile::fitted(r.device().info(), product.m, product.columns4),
          p.columns / p.groups % 4 == 0 ? 1U : 0U, epilogue};
}

std::vector<ConvTexel::Spec> ConvTexel::variants(const DeviceInfo& device) {
  std::vector<Spec> out;
  for (const TexelTile& tile : TexelTile::shapes(device))
    for (const LinearEpilogue& epilogue : epilogues) out.push_back({tile, 1, epilogue});
  return out;
}

DepthwiseSpec DepthwiseSpec::fitted(gpu::Family family, const ConvPush& p, const LinearEpilogue& epilogue) {
  DepthwiseSpec spec{64, 4, 1, p.window_height, p.window_width, p.stride, epilogue};
  // Every load costs as much as a dozen products on a CPU driver: more pixels a lane share more of them. All
  // is unrolled, so large windows stop at one row to keep compilation below a second.
  if (family == gpu::Family::texel) {
    spec.group = 16;
    spec.run = 8;
    spec.down = p.stride == 1 && p.window_height * p.window_width <= 9 ? 2 : 1;
  }
  // Windows that are far apart share nothing.
  if (p.dilation != 1 || p.stride > 2) spec.run = spec.down = 1;
  return spec;
}

std::vector<DepthwiseSpec> DepthwiseSpec::variants(gpu::Family family) {
  std::vector<DepthwiseSpec> out;
  for (const uint32_t size : {3U, 5U, 7U})
    for (const uint32_t stride : {1U, 2U, 4U})
      for (const LinearEpilogue& epilogue : epilogues) {
        ConvPush p{};
        p.window_height = p.window_width = size;
        p.stride = stride;
        p.dilation = 1;
        out.push_back(fitted(family, p, epilogue));
      }
  return out;
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
  const uint64_t flops =
      2 * y.shape.elements() * push.window_height * push.window_width * (push.inputs / push.groups);
  // A binding nobody reads still needs a tensor.
  const auto given = [](const Tensor& wanted, const Tensor& other) { return wanted ? wanted : other; };
  conv_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, weights.w, given(weights.bias, weights.w), given(options.scale, weights.w),
                    given(options.residual, x), y},
                   push,
                   K::fitted(r, push, x.dtype, epilogue),
                   flops};
  });
  return y;
}

}  // namespace fovea::ops
