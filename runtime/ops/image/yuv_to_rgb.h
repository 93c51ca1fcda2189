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

// fours: groups of four pixels a lane.
template <class Read, const gpu::Shader& source, uint32_t fours>
struct YuvToRgbFrom {
  static constexpr const gpu::Shader& shader = source;
  static constexpr uint32_t block = 4 * fours;
  using Push = YuvToRgbPush;
  using Spec = YuvToRgbSpec;
  struct Bind {
    Read frame;
    Out target;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.blocks, s.group), p.rows, 1}; }
  static Spec spec(bool planes) { return {fours == 1 ? 64U : 8U, planes ? 1U : 0U}; }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    if (fours != 1 && !prefers_texels(device)) return {};
    return {spec(true), spec(false)};
  }
};
using YuvToRgb = YuvToRgbFrom<In, shaders::yuv_to_rgb, 1>;
using YuvToRgbTexel = YuvToRgbFrom<Texel, shaders::yuv_to_rgb_texel, 4>;
inline const KernelRegistration<YuvToRgb> register_yuv_to_rgb;
inline const KernelRegistration<YuvToRgbTexel> register_yuv_to_rgb_texel;

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
  const auto convert = [&]<class K>() {
    r.dispatch<K>({frame, target}, {blocks * overlay_pixels / K::block, rows}, K::spec(planes),
                  uint64_t{rows} * blocks * overlay_pixels * 12);
  };
  if (prefers_texels(r.device().info()) &&
      frame.shape.elements() / 4 <= r.device().limits().max_texel_elements)
    convert.template operator()<YuvToRgbTexel>();
  else
    convert.template operator()<YuvToRgb>();
}

}  // namespace fovea::ops
