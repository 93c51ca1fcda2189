// Average pooling to a given grid, whatever the size.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/conv/adaptive_mean.h"

namespace fovea::ops {

template <gpu::Family F>
struct AdaptiveMean : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::adaptive_mean;
  using Push = AdaptiveMeanPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(p.units, p.out_height * p.out_width, p.images, s);
  }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<AdaptiveMean> adaptive_mean_kernels;

// x [images, rows, columns, channels] → [images, height, width, channels]: row i averages x's rows from
// ⌊i · rows / height⌋ to ⌈(i + 1) · rows / height⌉, columns likewise. Windows overlap where sizes do not
// divide.
inline Tensor adaptive_mean(Recorder& r, const Tensor& x, uint32_t height, uint32_t width) {
  constexpr uint32_t most = 1U << 15;  // products of two are indices
  check(x.shape.rank() == 4 && x.shape.elements() <= UINT32_MAX && x.shape.elements() != 0 &&
            std::max({x.shape[1], x.shape[2], height, width}) <= most && height != 0 && width != 0,
        "adaptive_mean", [&] { return fmt::format("{} to {}×{}", shape_of("x", x), height, width); });
  const uint32_t images = x.shape[0], channels = x.shape[3];
  const Tensor y = r.temporary({images, height, width, channels}, x.dtype, "adaptive_mean");
  const AdaptiveMeanPush push{images, x.shape[1], x.shape[2], height, width, units_of(channels)};
  const UnitGroup group = unit_group(r.device().info(), channels);
  adaptive_mean_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, y}, push, group, x.shape.elements()};
  });
  return y;
}

}  // namespace fovea::ops
