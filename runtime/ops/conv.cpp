#include "runtime/ops/conv.h"

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

}  // namespace

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
  const uint64_t flops = 2 * y.shape.elements() * push.rows * push.cols * (weights.inputs / weights.groups);
  // A binding nobody reads still needs a tensor.
  const auto given = [](const Tensor& wanted, const Tensor& other) { return wanted ? wanted : other; };
  const uint32_t mixed = weights.columns / weights.groups % 4 == 0 || weights.groups == 1 ? 0 : 1;
  r.dispatch<ConvDirect>({x, weights.w, given(weights.bias, weights.w), given(options.scale, weights.w),
                          given(options.residual, x), y},
                         push, {64, mixed, epilogue}, flops);
  return y;
}

}  // namespace fovea::ops
