// Patches of an image as rows of a matrix, so that patch embedding is one linear.
#pragma once

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/nn/patch_gather.h"

namespace fovea::ops {

struct PatchGather {
  static constexpr const gpu::Shader& shader = shaders::patch_gather;
  using Push = PatchGatherPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(uint64_t{p.channels} * p.patch_rows * p.patch_cols, s.group),
            p.height / p.patch_rows * (p.width / p.patch_cols), p.images};
  }
};
inline const KernelRegistration<PatchGather> register_patch_gather;

// x [images, channels, height, width] → [images, patches, channels · patch_rows · patch_cols].
inline Tensor patch_gather(Recorder& r, const Tensor& x, uint32_t patch_rows, uint32_t patch_cols) {
  check(x.shape.rank() == 4 && patch_rows != 0 && patch_cols != 0 && x.shape[2] >= patch_rows &&
            x.shape[3] >= patch_cols,
        "patch_gather", [&] {
          return shape_of("x", x) + ", patches " + to_string(Shape{patch_rows, patch_cols});
        });
  const PatchGatherPush push{x.shape[0], x.shape[1], x.shape[2], x.shape[3], patch_rows, patch_cols};
  const uint32_t patches = x.shape[2] / patch_rows * (x.shape[3] / patch_cols);
  const Tensor y =
      r.temporary({x.shape[0], patches, x.shape[1] * patch_rows * patch_cols}, x.dtype, "patches");
  r.dispatch<PatchGather>({x, y}, push);
  return y;
}

}  // namespace fovea::ops
