// Resizes feature maps, without antialias: for pictures see resize.h.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/conv/resize2d.h"

namespace fovea::ops {

template <gpu::Family F>
struct Resize2d : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::resize2d;
  using Push = Resize2dPush;
  struct Spec {
    UnitGroup group;
    uint32_t bilinear = 1;
  };
  struct Bind {
    ReadBy<F> x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(p.units, p.out_width, p.images * p.out_height, s.group);
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
inline const BothFamilies<Resize2d> resize2d_kernels;

// Where pixels lie: their centres at halves (PyTorch's align_corners=False, and nearest-exact), or the first
// and last pixels' centres at the picture's ends (align_corners=True).
enum class ResizeMode : uint32_t { bilinear, bilinear_corners, nearest };

// x [images, any, any, channels] → [images, height, width, channels].
inline Tensor resize2d(Recorder& r, const Tensor& x, uint32_t height, uint32_t width, ResizeMode mode) {
  constexpr uint32_t most = 16384;  // positions are fractions of 31-bit integers
  check(x.shape.rank() == 4 && std::max({x.shape[1], x.shape[2], height, width}) <= most && height != 0 &&
            width != 0,
        "resize2d", [&] { return fmt::format("{}, to {} × {}", shape_of("x", x), height, width); });
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
  const Axis down = axis(x.shape[1], height), across = axis(x.shape[2], width);
  const Tensor y = r.temporary({images, height, width, channels}, x.dtype, "resize2d");
  const Resize2dPush push{.images = images,
                          .height = x.shape[1],
                          .width = x.shape[2],
                          .units = units_of(channels),
                          .out_height = height,
                          .out_width = width,
                          .row_step = down.step,
                          .row_unit = down.unit,
                          .row_first = down.first,
                          .col_step = across.step,
                          .col_unit = across.unit,
                          .col_first = across.first};
  const UnitGroup group = unit_group(r.device().info(), channels);
  const uint32_t bilinear = mode == ResizeMode::nearest ? 0 : 1;
  resize2d_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, y}, push, {group, bilinear}, 6 * y.shape.elements()};
  });
  return y;
}

}  // namespace fovea::ops
