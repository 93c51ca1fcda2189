// Average pooling to a given grid, whatever the size.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/conv/adaptive_mean.h"

namespace fovea::ops {

template <class Read, const gpu::Shader& source>
struct AdaptiveMeanFrom {
  static constexpr const gpu::Shader& shader = source;
  using Push = AdaptiveMeanPush;
  using Spec = UnitGroup;
  struct Bind {
    Read x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(p.units, p.out_rows * p.out_cols, p.images, s);
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    return unit_variants<Read>(device, unit_group);
  }
};
using AdaptiveMean = AdaptiveMeanFrom<In, shaders::adaptive_mean>;
using AdaptiveMeanTexel = AdaptiveMeanFrom<Texel, shaders::adaptive_mean_texel>;
inline const KernelRegistration<AdaptiveMean> register_adaptive_mean;
inline const KernelRegistration<AdaptiveMeanTexel> register_adaptive_mean_texel;

// x [images, height, width, channels] → [images, rows, cols, channels]: row i averages x's rows from
// ⌊i · height / rows⌋ to ⌈(i + 1) · height / rows⌉, columns likewise. Windows overlap where sizes do not
// divide.
inline Tensor adaptive_mean(Recorder& r, const Tensor& x, uint32_t rows, uint32_t cols) {
  constexpr uint32_t most = 1U << 15;  // products of two are indices
  check(x.shape.rank() == 4 && x.shape.elements() <= UINT32_MAX && x.shape.elements() != 0 &&
            std::max({x.shape[1], x.shape[2], rows, cols}) <= most && rows != 0 && cols != 0,
        "adaptive_mean", [&] { return fmt::format("{} to {}×{}", shape_of("x", x), rows, cols); });
  const uint32_t images = x.shape[0], channels = x.shape[3];
  const Tensor y = r.temporary({images, rows, cols, channels}, x.dtype, "adaptive_mean");
  const AdaptiveMeanPush push{images, x.shape[1], x.shape[2], rows, cols, units_of(channels)};
  const UnitGroup group = unit_group(r.device().info(), channels);
  if (reads_texels(r, channels, {x}))
    r.dispatch<AdaptiveMeanTexel>({x, y}, push, group, x.shape.elements());
  else
    r.dispatch<AdaptiveMean>({x, y}, push, group, x.shape.elements());
  return y;
}

}  // namespace fovea::ops
