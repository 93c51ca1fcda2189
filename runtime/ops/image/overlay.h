// A map drawn over a picture.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "runtime/tune/candidates.h"
#include "shaders/image/overlay.h"

namespace fovea::ops {

struct OverlaySpec {
  uint32_t group = 64;
  uint32_t format = 0;  // fovea::PixelFormat
  uint32_t to = 0;      // and of the result: rgb8 or bgr8
  uint32_t rows = 1;    // a lane
};

template <gpu::Family F>
struct Overlay {
  static constexpr gpu::Family family = F;
  static constexpr uint32_t fours = F == gpu::Family::texel ? 4 : 1;  // groups of four pixels a lane
  static constexpr const gpu::Shader& shader = shaders::overlay;
  static constexpr uint32_t block = 4 * fours;
  using Push = OverlayPush;
  using Spec = OverlaySpec;
  struct Bind {
    ReadBy<F> picture, levels, colors;
    In frame;
    Out target;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.blocks, s.group), groups(p.rows, s.rows), 1};
  }
  static Spec spec(const DeviceInfo&, uint32_t format, uint32_t to) {
    return fours == 1 ? Spec{64, format, to, 1} : Spec{8, format, to, 16};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (uint32_t format = 0; format < 3; ++format)
      for (uint32_t to = 0; to < 2; ++to) out.push_back(spec(device, format, to));
    return out;
  }
};
inline const BothFamilies<Overlay> overlay_kernels;

constexpr uint32_t overlay_pixels = 16;  // rows of pictures are padded to so many
constexpr uint32_t overlay_colors = 257;
// Words of a row of `width` pixels, of gray8 or of three channels.
constexpr uint32_t overlay_words(uint32_t width, bool gray) {
  return groups(width, overlay_pixels) * (gray ? 4 : 12);
}

// picture: u32 [rows, overlay_words]; levels: f32 [map rows, map cols, 4], what levels() gives; colors: f32
// [overlay_colors, 4], what each of 256 levels, and then what lies outside, adds to a pixel, half included,
// and the weight of the pixel; frame: f32 [4], an OverlayFrame. Returns u32 [rows, overlay_words] of three
// channels.
inline Tensor overlay(Recorder& r, const Tensor& picture, const Tensor& levels, const Tensor& colors,
                      const Tensor& frame, uint32_t format, uint32_t to) {
  const bool gray = format == 2;
  const uint32_t words = gray ? 4 : 12;
  check(picture.shape.rank() == 2 && picture.shape[1] % words == 0 && picture.dtype == DType::u32 &&
            picture.shape.elements() <= UINT32_MAX / 3 && levels.shape.rank() == 3 && levels.shape[2] == 4 &&
            levels.dtype == DType::f32 && colors.shape == Shape{overlay_colors, 4} &&
            colors.dtype == DType::f32 && frame.shape == Shape{4},
        "overlay", [&] {
          return fmt::format("{}, {} {}, {}, {}", shape_of("picture", picture), shape_of("levels", levels),
                             to_string(levels.dtype), shape_of("colors", colors), shape_of("frame", frame));
        });
  const uint32_t rows = picture.shape[0], blocks = picture.shape[1] / words;
  const Tensor target = r.temporary({rows, blocks * 12}, DType::u32, "overlay");
  overlay_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{picture, levels, colors, frame, target},
                   {blocks * overlay_pixels / K::block, rows, levels.shape[0], levels.shape[1]},
                   K::spec(r.device().info(), format, to),
                   uint64_t{rows} * blocks * overlay_pixels * 30};
  });
  return target;
}

}  // namespace fovea::ops
