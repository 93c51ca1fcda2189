// Transposes the matrix of each image: channels first to channels last, and back.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/check.h"
#include "runtime/recorder.h"
#include "shaders/transpose.h"

namespace fovea::ops {

struct Transpose {
  static constexpr const gpu::Shader& shader = shaders::transpose;
  using Push = TransposePush;
  struct Spec {
    uint32_t group = 64, fours = 1, out_fours = 1;
  };
  struct Bind {
    In x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(s.fours != 0 ? p.b / 4 : p.b, s.group), std::min(groups(p.width, 4), 65535U), p.images};
  }
  static Spec spec(const DeviceInfo& device, const Push& p) {
    return {device.type == DeviceType::cpu ? std::max(8U, device.subgroup_size) : 64, p.b % 4 == 0 ? 1U : 0U,
            p.width % 4 == 0 ? 1U : 0U};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const uint32_t b : {3U, 4U})
      for (const uint32_t width : {3U, 4U}) out.push_back(spec(device, {1, 4, b, width}));
    return out;
  }
};
inline const KernelRegistration<Transpose> register_transpose;

// x [images, a, b] → [images, b, max(a, pad_to)], zeros from column a on.
inline Tensor transpose(Recorder& r, const Tensor& x, uint32_t pad_to = 0) {
  check(x.shape.rank() == 3, "transpose",
        [&] { return fmt::format("{}, not [images, a, b]", shape_of("x", x)); });
  const TransposePush push{x.shape[0], x.shape[1], x.shape[2], std::max(x.shape[1], pad_to)};
  const Tensor y = r.temporary({push.images, push.b, push.width}, x.dtype, "transpose");
  r.dispatch<Transpose>({x, y}, push, Transpose::spec(r.device().info(), push));
  return y;
}

}  // namespace fovea::ops
