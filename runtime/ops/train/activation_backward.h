// The gradient of activations, plain or gated, by their input.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "runtime/ops/nn/activation.h"
#include "shaders/train/activation_backward.h"

namespace fovea::ops {

template <gpu::Family F>
struct ActivationBackward : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::activation_backward;
  using Push = ActivationBackwardPush;
  struct Spec {
    UnitGroup group;
    uint32_t activation = 1, gated = 0;
  };
  struct Bind {
    ReadBy<F> x, dy;
    Out dx;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.rows, 1, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      out.insert(out.end(), {{group, 1, 0}, {group, 2, 0}, {group, 3, 0}, {group, 6, 1}});
    return out;
  }
};
inline const BothFamilies<ActivationBackward> activation_backward_kernels;

// dy [..., channels] f32, of y = act(x), or of y = act(first half) ⊙ second half where x is twice as wide →
// dx f32, of x's shape. For relu, gelu, gelu_tanh, quick_gelu and silu.
inline Tensor activation_backward(Recorder& r, const Tensor& x, const Tensor& dy, Activation activation) {
  const uint32_t channels = dy.shape.last();
  const bool gated = x.shape.last() != channels;
  const bool known = activation == Activation::gelu || activation == Activation::gelu_tanh ||
                     activation == Activation::quick_gelu || activation == Activation::silu ||
                     activation == Activation::relu;
  check(known && dy.dtype == DType::f32 && x.shape.rows() == dy.shape.rows() &&
            x.shape.last() == (gated ? 2 : 1) * uint64_t{channels} && x.shape.elements() <= UINT32_MAX,
        "activation_backward", [&] {
          return fmt::format("{}, {} {}, activation {}", shape_of("x", x), shape_of("dy", dy),
                             to_string(dy.dtype), static_cast<uint32_t>(activation));
        });
  const Tensor dx = r.temporary(x.shape, DType::f32, "activation_backward");
  const ActivationBackwardPush push{static_cast<uint32_t>(dy.shape.rows()), units_of(channels)};
  const UnitGroup group = unit_group(r.device().info(), channels);
  const auto which = static_cast<uint32_t>(activation);
  const uint64_t flops = 16 * x.shape.elements();
  activation_backward_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, dy, dx}, push, {group, which, gated ? 1U : 0U}, flops};
  });
  return dx;
}

}  // namespace fovea::ops
