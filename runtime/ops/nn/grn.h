// Global response normalisation of ConvNeXt V2 (Woo et al. 2023, section 3).
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/grn.h"

namespace fovea::ops {

template <gpu::Family F>
struct GrnNorms : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::grn_norms;
  using Push = GrnPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    Out norms;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.units, s.x), p.images, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    return unit_variants<F>(device, unit_columns);
  }
};
inline const BothFamilies<GrnNorms> grn_norms_kernels;

template <gpu::Family F>
struct Grn : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::grn;
  using Push = GrnPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x, norms, gamma, beta;
    Out y;
  };
  static Grid grid(const Push& p, const Spec&) { return {groups(p.tokens, p.part_tokens), p.images, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<Grn> grn_kernels;

// y = x + gamma · (x · N) + beta for x [images, …, channels], where N is the length of the channel over the
// image, divided by (the mean of the channels' lengths + epsilon). gamma, beta: f32 [channels].
inline Tensor grn(Recorder& r, const Tensor& x, const Tensor& gamma, const Tensor& beta, float epsilon) {
  const uint32_t channels = x.shape.last();
  check(x.shape.rank() >= 3 && x.shape.elements() <= UINT32_MAX && gamma.shape == Shape{channels} &&
            beta.shape == Shape{channels} && gamma.dtype == DType::f32 && beta.dtype == DType::f32,
        "grn", [&] {
          return fmt::format("{}, {} {}, {} {}", shape_of("x", x), shape_of("gamma", gamma),
                             to_string(gamma.dtype), shape_of("beta", beta), to_string(beta.dtype));
        });
  const uint32_t images = x.shape[0], tokens = static_cast<uint32_t>(x.shape.rows() / images);
  // Parts keep a GPU busy, but every workgroup of the second dispatch adds up all channels' lengths.
  const uint32_t most_parts = r.device().info().type == DeviceType::cpu ? 8 : 64;
  const GrnPush push{images, tokens, units_of(channels), groups(tokens, most_parts), epsilon};
  const Tensor norms = r.temporary({images, channels}, DType::f32, "grn norms");
  const Tensor y = r.temporary(x.shape, x.dtype, "grn");
  const UnitGroup columns = unit_columns(r.device().info(), channels),
                  group = unit_group(r.device().info(), channels);
  const uint64_t elements = x.shape.elements();
  grn_norms_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, norms}, push, columns, 2 * elements}; });
  grn_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, norms, gamma, beta, y}, push, group, 3 * elements};
  });
  return y;
}

}  // namespace fovea::ops
