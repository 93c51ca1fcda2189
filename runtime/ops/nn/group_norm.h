// GroupNorm with one group: each image is normalised over tokens and channels.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/group_norm.h"

namespace fovea::ops {

template <gpu::Family F>
struct GroupNormParts : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::group_norm_parts;
  using Push = GroupNormPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    Out moments;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.parts, p.images, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<GroupNormParts> group_norm_parts_kernels;

template <gpu::Family F>
struct GroupNorm : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::group_norm;
  using Push = GroupNormPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    In moments;
    ReadBy<F> gamma, beta;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.units, s.x), p.parts, p.images}; }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<GroupNorm> group_norm_kernels;

// x [images, tokens, channels]; gamma, beta: f32 [channels]. Two dispatches: moments of parts of an image,
// and what follows from them.
inline Tensor group_norm(Recorder& r, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                         float epsilon) {
  const uint32_t channels = x.shape.last();
  check(x.shape.rank() == 3 && gamma.shape == Shape{channels} && beta.shape == Shape{channels} &&
            gamma.dtype == DType::f32 && beta.dtype == DType::f32,
        "group_norm", [&] {
          return fmt::format("{}, {} {}, {} {}", shape_of("x", x), shape_of("gamma", gamma),
                             to_string(gamma.dtype), shape_of("beta", beta), to_string(beta.dtype));
        });
  const uint32_t images = x.shape[0], tokens = x.shape[1];
  // Parts keep a GPU busy, but every workgroup of the second dispatch reads the moments of all.
  constexpr uint32_t least_tokens = 32;
  const uint32_t most_parts = r.device().info().type == DeviceType::cpu ? 8 : 64;
  const uint32_t part_tokens = std::max(groups(tokens, most_parts), least_tokens);
  const uint32_t parts = groups(tokens, part_tokens);
  const Tensor moments = r.temporary({images, parts, 2}, DType::f32, "group_norm moments");
  const Tensor y = r.temporary(x.shape, x.dtype, "group_norm");
  const GroupNormPush push{images, tokens, units_of(channels), parts, part_tokens, epsilon};
  const UnitGroup group = unit_group(r.device().info(), channels);
  const uint64_t elements = x.shape.elements();
  group_norm_parts_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, moments}, push, group, 4 * elements};
  });
  group_norm_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, moments, gamma, beta, y}, push, group, 3 * elements};
  });
  return y;
}

}  // namespace fovea::ops
