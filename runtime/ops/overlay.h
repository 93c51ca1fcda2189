// A map drawn over a picture.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/check.h"
#include "runtime/recorder.h"
#include "shaders/overlay.h"

namespace fovea::ops {

struct Overlay {
  static constexpr const gpu::Shader& shader = shaders::overlay;
  using Push = OverlayPush;
  struct Spec {
    uint32_t group = 64;
    uint32_t format = 0;  // fovea::PixelFormat
    uint32_t to = 0;      // and of the result: rgb8 or bgr8
  };
  struct Bind {
    In picture, map, colors, frame;
    Out target;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.fours, s.group), p.rows, 1}; }
  static std::vector<Spec> variants(const DeviceInfo&) {
    std::vector<Spec> out;
    for (uint32_t format = 0; format < 3; ++format)
      for (uint32_t to = 0; to < 2; ++to) out.push_back({64, format, to});
    return out;
  }
};
inline const KernelRegistration<Overlay> register_overlay;

// picture: u32 [rows, words], every four pixels three words, of gray8 (format 2) one; map: f32 [map
// rows, map cols], values from 0 to 1; colors: u32 [256], the top byte opacity; frame: f32 [6], an
// OverlayFrame. Returns u32 [rows, 3 · fours of pixels].
inline Tensor overlay(Recorder& r, const Tensor& picture, const Tensor& map, const Tensor& colors,
                      const Tensor& frame, uint32_t format, uint32_t to) {
  const uint32_t words = format == 2 ? 1 : 3;
  check(picture.shape.rank() == 2 && picture.shape[1] % words == 0 && map.shape.rank() == 2 &&
            map.dtype == DType::f32 && colors.shape == Shape{256} && frame.shape == Shape{6},
        "overlay", [&] {
          return fmt::format("{}, {} {}, {}, {}", shape_of("picture", picture), shape_of("map", map),
                             to_string(map.dtype), shape_of("colors", colors), shape_of("frame", frame));
        });
  const uint32_t rows = picture.shape[0], fours = picture.shape[1] / words;
  const Tensor target = r.temporary({rows, fours * 3}, DType::u32, "overlay");
  r.dispatch<Overlay>({picture, map, colors, frame, target}, {fours, rows, map.shape[0], map.shape[1]},
                      {64, format, to}, uint64_t{rows} * fours * 4 * 30);
  return target;
}

}  // namespace fovea::ops
