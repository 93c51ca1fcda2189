// Scale, shift, gates and residual of each channel or pixel: folded norms, squeeze-and-excitation, CBAM.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "runtime/ops/nn/activation.h"
#include "shaders/nn/modulate.h"

namespace fovea::ops {

template <gpu::Family F>
struct Modulate : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::modulate;
  using Push = ModulatePush;
  struct Spec {
    UnitGroup group;
    uint32_t activation = 0, has_scale = 0, has_shift = 0, has_channel_gate = 0, has_spatial_gate = 0;
    uint32_t has_residual = 0, final = 0;
  };
  struct Bind {
    ReadBy<F> x, scale, shift, channel_gate;
    In spatial_gate;
    ReadBy<F> residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.tokens, p.images, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group)) {
      out.push_back({group, 4, 1, 1, 0, 0, 0, 0});  // relu(batch norm)
      out.push_back({group, 0, 0, 0, 1, 0, 1, 4});  // relu(x ⊙ gate + residual)
      out.push_back({group, 1, 1, 1, 1, 1, 1, 6});  // everything
    }
    return out;
  }
};
inline const BothFamilies<Modulate> modulate_kernels;

// Each may be empty.
struct ModulateOptions {
  Tensor scale{}, shift{};  // [channels rounded up to fours], f32
  Activation activation = Activation::none;
  Tensor channel_gate{};  // [images, channels]
  Tensor spatial_gate{};  // [images, tokens], or [images, tokens, n] of which the first counts
  Tensor residual{};      // as x
  Activation final = Activation::none;
};

// y = final(residual + activation(scale ⊙ x + shift) ⊙ channel_gate ⊙ spatial_gate) for x [images, …,
// channels].
inline Tensor modulate(Recorder& r, const Tensor& x, const ModulateOptions& o) {
  const uint32_t images = x.shape[0], channels = x.shape.last();
  const uint64_t tokens = x.shape.elements() / std::max<uint64_t>(uint64_t{images} * channels, 1);
  const uint64_t spatial = uint64_t{images} * tokens;
  const auto vector_fits = [&](const Tensor& t) {
    return !t || (t.dtype == DType::f32 && t.shape.elements() == (uint64_t{channels} + 3) / 4 * 4);
  };
  const auto gate_fits = [&](const Tensor& t, uint64_t elements) {
    return !t || (t.dtype == x.dtype && t.shape.elements() == elements);
  };
  const uint64_t gate_step = o.spatial_gate ? o.spatial_gate.shape.elements() / spatial : 1;
  check(x.shape.rank() >= 2 && vector_fits(o.scale) && vector_fits(o.shift) &&
            gate_fits(o.channel_gate, uint64_t{images} * channels) && gate_step != 0 &&
            gate_fits(o.spatial_gate, spatial * gate_step) && gate_fits(o.residual, x.shape.elements()),
        "modulate", [&] {
          std::string what = fmt::format("{} {}", shape_of("x", x), to_string(x.dtype));
          const auto add = [&](const char* name, const Tensor& t) {
            if (t) what += fmt::format(", {} {}", shape_of(name, t), to_string(t.dtype));
          };
          add("scale", o.scale);
          add("shift", o.shift);
          add("channel gate", o.channel_gate);
          add("spatial gate", o.spatial_gate);
          add("residual", o.residual);
          return what;
        });
  const Tensor y = r.temporary(x.shape, x.dtype, "modulate");
  const ModulatePush push{images, static_cast<uint32_t>(tokens), units_of(channels),
                          static_cast<uint32_t>(gate_step)};
  const auto flag = [](const Tensor& t) { return t ? 1U : 0U; };
  const auto given = [&](const Tensor& t) { return t ? t : x; };  // a binding nobody reads needs a tensor too
  const UnitGroup group = unit_group(r.device().info(), channels);
  modulate_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{
        {x, given(o.scale), given(o.shift), given(o.channel_gate), given(o.spatial_gate), given(o.residual),
         y},
        push,
        {group, static_cast<uint32_t>(o.activation), flag(o.scale), flag(o.shift), flag(o.channel_gate),
         flag(o.spatial_gate), flag(o.residual), static_cast<uint32_t>(o.final)},
        4 * x.shape.elements()};
  });
  return y;
}

}  // namespace fovea::ops
