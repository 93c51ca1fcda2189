// Transposes the matrix of each image: channels first to channels last, and back.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/units.h"
#include "shaders/transpose.h"

namespace fovea::ops {

struct TransposeSpec {
  UnitGroup group;  // along b
  uint32_t out_fours = 1;
};

template <class Read, const gpu::Shader& source>
struct TransposeFrom {
  static constexpr const gpu::Shader& shader = source;
  using Push = TransposePush;
  using Spec = TransposeSpec;
  struct Bind {
    Read x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(s.group.fours != 0 ? p.b / 4 : p.b, s.group.lanes), std::min(groups(p.width, 4), 65535U),
            p.images};
  }
  static UnitGroup lanes(const DeviceInfo& device, uint32_t b) {
    const uint32_t lanes = unit_group(device, b).lanes;
    return {lanes, lanes, b % 4 == 0 ? 1U : 0U};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<Read>(device, lanes))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
using Transpose = TransposeFrom<In, shaders::transpose>;
using TransposeTexel = TransposeFrom<Texel, shaders::transpose_texel>;
inline const KernelRegistration<Transpose> register_transpose;
inline const KernelRegistration<TransposeTexel> register_transpose_texel;

// x [images, a, b] → [images, b, max(a, pad_to)], zeros from column a on.
inline Tensor transpose(Recorder& r, const Tensor& x, uint32_t pad_to = 0) {
  check(x.shape.rank() == 3, "transpose",
        [&] { return fmt::format("{}, not [images, a, b]", shape_of("x", x)); });
  const TransposePush push{x.shape[0], x.shape[1], x.shape[2], std::max(x.shape[1], pad_to)};
  const Tensor y = r.temporary({push.images, push.b, push.width}, x.dtype, "transpose");
  const TransposeSpec spec{Transpose::lanes(r.device().info(), push.b), push.width % 4 == 0 ? 1U : 0U};
  if (reads_texels(r, push.b, {x}))
    r.dispatch<TransposeTexel>({x, y}, push, spec);
  else
    r.dispatch<Transpose>({x, y}, push, spec);
  return y;
}

}  // namespace fovea::ops
