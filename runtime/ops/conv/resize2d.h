// Resizes feature maps, without antialias: for pictures see resize.h.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/conv/resize2d.h"

namespace fovea::ops {

template <class Read, const gpu::Shader& source>
struct Resize2dFrom {
  static constexpr const gpu::Shader& shader = source;
  using Push = Resize2dPush;
  struct Spec {
    UnitGroup group;
    uint32_t bilinear = 1;
  };
  struct Bind {
    Read x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(p.units, p.out_cols, p.images * p.out_rows, s.group);
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<Read>(device, unit_group))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
using Resize2d = Resize2dFrom<In, shaders::resize2d>;
using Resize2dTexel = Resize2dFrom<Texel, shaders::resize2d_texel>;
inline const KernelRegistration<Resize2d> register_resize2d;
inline const KernelRegistration<Resize2dTexel> register_resize2d_texel;

// Where pixels lie: their centres at halves (PyTorch's align_corners=False, and nearest-exact), or the first
// and last pixels' centres at the picture's ends (align_corners=True).
enum class ResizeMode : uint32_t { bilinear, bilinear_corners, nearest };

// x [images, height, width, channels] → [images, rows, cols, channels].
inline Tensor resize2d(Recorder& r, const Tensor& x, uint32_t rows, uint32_t cols, ResizeMode mode) {
  constexpr uint32_t most = 16384;  // positions are fractions of 31-bit integers
  check(
      x.shape.rank() == 4 && std::max({x.shape[1], x.shape[2], rows, cols}) <= most && rows != 0 && cols != 0,
      "resize2d", [&] { return fmt::format("{}, to {} × {}", shape_of("x", x), rows, cols); });
  struct Axis {
    uint32_t step, unit;
    int32_t first;
  };
  const auto axis = [mode](uint32_t size, uint32_t out) -> Axis {
    const auto from = static_cast<int32_t>(size), to = static_cast<int32_t>(out);
    if (mode == ResizeMode::bilinear_corners) return {size - 1, std::max(out - 1, 1U), 0};
    return {2 * size, 2 * out, mode == ResizeMode::nearest ? from : from - to};
  };
  const uint32_t images = x.shape[0], channels = x.shape[3];
  const Axis down = axis(x.shape[1], rows), across = axis(x.shape[2], cols);
  const Tensor y = r.temporary({images, rows, cols, channels}, x.dtype, "resize2d");
  const Resize2dPush push{images,    x.shape[1], x.shape[2], units_of(channels), rows,        cols,
                          down.step, down.unit,  down.first, across.step,        across.unit, across.first};
  const UnitGroup group = unit_group(r.device().info(), channels);
  const uint32_t bilinear = mode == ResizeMode::nearest ? 0 : 1;
  if (reads_texels(r, channels, {x}))
    r.dispatch<Resize2dTexel>({x, y}, push, {group, bilinear}, 6 * y.shape.elements());
  else
    r.dispatch<Resize2d>({x, y}, push, {group, bilinear}, 6 * y.shape.elements());
  return y;
}

}  // namespace fovea::ops
