// Rows of length one: cosine attention (Liu et al. 2022, "Swin Transformer V2", eq. 2).
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/l2_norm.h"

namespace fovea::ops {

template <gpu::Family F>
struct L2Norm : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::l2_norm;
  using Push = L2NormPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    In scale;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {std::min(groups(p.rows, s.x), 65535U), 1, 1}; }
  // All lanes of a workgroup stand along rows.
  static Spec fitted(const DeviceInfo& device, uint32_t width) {
    Spec s = unit_group(device, width);
    s.x = s.lanes;
    return s;
  }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, &fitted); }
};
inline const BothFamilies<L2Norm> l2_norm_kernels;

// In place, scale.elements() rows of `width` channels at the start of each row of x: the i-th becomes
// scale[i] · v / max(|v|, epsilon). scale: f32. Of packed queries and keys these are their heads.
inline void l2_norm_heads(Recorder& r, const Tensor& x, const Tensor& scale, uint32_t width, float epsilon) {
  const auto heads = static_cast<uint32_t>(scale.shape.elements());
  const uint32_t row = x.shape.last();
  check(heads != 0 && width != 0 && scale.dtype == DType::f32 && uint64_t{heads} * width <= row &&
            (row % 4 == 0 || width % 4 != 0) && x.shape.elements() <= UINT32_MAX,
        "l2_norm", [&] {
          return fmt::format("{} heads of {} channels in rows of {}, scale {}", heads, width,
                             shape_of("x", x), to_string(scale.dtype));
        });
  const auto rows = static_cast<uint32_t>(x.shape.rows()) * heads;
  const uint32_t unit = width / units_of(width);
  const L2NormPush push{
      .rows = rows, .units = units_of(width), .inner = heads, .outer = row / unit, .epsilon = epsilon};
  l2_norm_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, scale, x}, push, K::fitted(r.device().info(), width), uint64_t{rows} * width * 4};
  });
}

}  // namespace fovea::ops
