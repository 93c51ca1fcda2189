// 8-bit pixels to the model's input.
#pragma once

#include <fmt/format.h>

#include <array>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/image/normalize_image.h"

namespace fovea::ops {

struct NormalizeImage {
  static constexpr const gpu::Shader& shader = shaders::normalize_image;
  using Push = NormalizeImagePush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In pixels;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.width, s.group), p.height, 1}; }
};
inline const KernelRegistration<NormalizeImage> register_normalize_image;

// y[slot, c, i, j] = (pixel / 255 − mean[c]) / std[c]. pixels: u32 [H, at least W], RGB from the low byte up;
// y: [B, 3, H, W].
inline void normalize_image(Recorder& r, const Tensor& pixels, const std::array<float, 3>& mean,
                            const std::array<float, 3>& std, const Tensor& y, uint32_t slot) {
  check(pixels.shape.rank() == 2 && pixels.dtype == DType::u32 && y.shape.rank() == 4 && slot < y.shape[0] &&
            y.shape[1] == 3 && y.shape[2] == pixels.shape[0] && y.shape[3] <= pixels.shape[1] &&
            is_real(y.dtype) && y.shape.elements() <= UINT32_MAX,
        "normalize_image", [&] {
          return fmt::format("{}, {} {}, slot {}", shape_of("pixels", pixels), shape_of("y", y),
                             to_string(y.dtype), slot);
        });
  const uint32_t height = y.shape[2], width = y.shape[3];
  r.dispatch<NormalizeImage>({pixels, y},
                             {height, width, pixels.shape[1], slot * 3 * height * width, mean[0], mean[1],
                              mean[2], std[0], std[1], std[2]},
                             {}, uint64_t{height} * width * 9);
}

}  // namespace fovea::ops
