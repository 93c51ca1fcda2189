// Transposes the matrix of each image: channels first to channels last, and back, or weights for a backward
// pass.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/common/transpose.h"

namespace fovea::ops {

struct TransposeSpec {
  UnitGroup group;  // along b
  uint32_t out_fours = 1, widen = 0, has_scale = 0;
};

inline UnitGroup transpose_group(const DeviceInfo& device, uint32_t b) {
  const uint32_t lanes = unit_group(device, b).lanes;
  return {lanes, lanes, b % 4 == 0 ? 1U : 0U};
}

template <gpu::Family F>
struct Transpose : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::transpose;
  using Push = TransposePush;
  using Spec = TransposeSpec;
  struct Bind {
    ReadBy<F> x;
    Out y;
    In scale;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(s.group.fours != 0 ? p.b / 4 : p.b, s.group.lanes), std::min(groups(p.width, 4), 65535U),
            p.images};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, transpose_group))
      out.insert(out.end(), {{group, 0}, {group, 1}, {group, 1, 1, 0}, {group, 1, 1, 1}});
    return out;
  }
};
inline const BothFamilies<Transpose> transpose_kernels;

struct TransposeOptions {
  uint32_t pad_to = 0;  // columns that y has at least, zeros from column a on
  bool widen = false;   // y is f32 whatever x is
  Tensor scale{};       // [b] f32, of the rows of y
};

// x [images, a, b] → [images, b, max(a, pad_to)].
inline Tensor transpose(Recorder& r, const Tensor& x, const TransposeOptions& o = {}) {
  check(x.shape.rank() == 3, "transpose",
        [&] { return fmt::format("{}, not [images, a, b]", shape_of("x", x)); });
  const TransposePush push{x.shape[0], x.shape[1], x.shape[2], std::max(x.shape[1], o.pad_to)};
  check(!o.scale || (o.scale.dtype == DType::f32 && o.scale.shape == Shape{push.b}), "transpose",
        [&] { return fmt::format("{}, {}", shape_of("x", x), shape_of("scale", o.scale)); });
  const DType dtype = o.widen ? DType::f32 : x.dtype;
  const Tensor y = r.temporary({push.images, push.b, push.width}, dtype, "transpose");
  const TransposeSpec spec{transpose_group(r.device().info(), push.b), push.width % 4 == 0 ? 1U : 0U,
                           dtype != x.dtype ? 1U : 0U, o.scale ? 1U : 0U};
  const Tensor& scale = o.scale ? o.scale : x;  // a binding nobody reads needs a tensor too
  transpose_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, y, scale}, push, spec}; });
  return y;
}

}  // namespace fovea::ops
