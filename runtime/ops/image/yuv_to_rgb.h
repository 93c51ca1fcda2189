// Camera frames to packed RGB8.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/image/overlay.h"
#include "shaders/image/yuv_to_rgb.h"

namespace fovea::ops {

struct YuvToRgbSpec {
  uint32_t group = 64;
  uint32_t planes = 1;  // NV12, else YUYV
};

template <gpu::Family F>
struct YuvToRgb {
  static constexpr gpu::Family family = F;
  static constexpr uint32_t fours = F == gpu::Family::texel ? 4 : 1;  // groups of four pixels a lane
  static constexpr const gpu::Shader& shader = shaders::yuv_to_rgb;
  static constexpr uint32_t block = 4 * fours;
  using Push = YuvToRgbPush;
  using Spec = YuvToRgbSpec;
  struct Bind {
    ReadBy<F> frame;
    Out target;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.blocks, s.group), p.rows, 1}; }
  static Spec spec(bool planes) { return {fours == 1 ? 64U : 8U, planes ? 1U : 0U}; }
  static std::vector<Spec> variants(const DeviceInfo&) { return {spec(true), spec(false)}; }
};
inline const BothFamilies<YuvToRgb> yuv_to_rgb_kernels;

// Words of a row of bytes of such a frame.
constexpr uint32_t yuv_words(uint32_t width, bool planes) {
  return groups(width, overlay_pixels) * (planes ? 4 : 8);
}

// frame: u32 [rows + rows / 2, yuv_words] with planes, else [rows, yuv_words]; target: u32 [rows,
// overlay_words] of three channels, rgb8. BT.601, limited range.
inline void yuv_to_rgb(Recorder& r, const Tensor& frame, bool planes, const Tensor& target) {
  const uint32_t rows = target.shape.rank() == 2 ? target.shape[0] : 0;
  check(rows != 0 && target.shape[1] % 12 == 0 && frame.dtype == DType::u32 && target.dtype == DType::u32 &&
            target.shape.elements() <= UINT32_MAX && (!planes || rows % 2 == 0) &&
            frame.shape == Shape{planes ? rows + rows / 2 : rows, target.shape[1] / 12 * (planes ? 4 : 8)},
        "yuv_to_rgb", [&] { return shape_of("frame", frame) + ", " + shape_of("target", target); });
  const uint32_t blocks = target.shape[1] / 12;
  yuv_to_rgb_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{frame, target},
                   {blocks * overlay_pixels / K::block, rows},
                   K::spec(planes),
                   uint64_t{rows} * blocks * overlay_pixels * 12};
  });
}

}  // namespace fovea::ops
