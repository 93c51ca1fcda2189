// Weighted sums over the channels of each cell.
#pragma once

#include <fmt/format.h>

#include <optional>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/maps/channel_dot.h"

namespace fovea::ops {

struct ChannelDot {
  static constexpr const gpu::Shader& shader = shaders::channel_dot;
  using Push = ChannelDotPush;
  struct Spec {
    uint32_t group = 64, weights = 0, normalised = 0;
  };
  struct Bind {
    In x, weights;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.cells, s.group), p.images, 1}; }
  static std::vector<Spec> variants(const DeviceInfo&) {
    return {{64, 0, 0}, {64, 1, 0}, {64, 2, 0}, {64, 2, 1}};
  }
};
inline const KernelRegistration<ChannelDot> register_channel_dot;

// x [images, cells, channels], weights [images, channels] at x's type or f32, or empty for ones →
// [images, cells], f32. With `epsilon` each cell's sum is divided by √(variance over its channels + epsilon).
inline Tensor channel_dot(Recorder& r, const Tensor& x, const Tensor& weights,
                          std::optional<float> epsilon = {}) {
  check(x.shape.rank() == 3 && x.shape.elements() <= UINT32_MAX &&
            (!weights || (weights.shape == Shape{x.shape[0], x.shape[2]} &&
                          (weights.dtype == x.dtype || weights.dtype == DType::f32))),
        "channel_dot", [&] { return fmt::format("{}, {}", shape_of("x", x), shape_of("weights", weights)); });
  const Tensor y = r.temporary({x.shape[0], x.shape[1]}, DType::f32, "channel_dot");
  const uint32_t kind = !weights ? 0 : weights.dtype == DType::f32 ? 2 : 1;
  r.dispatch<ChannelDot>({x, weights ? weights : x, y},
                         {x.shape[0], x.shape[1], x.shape[2], epsilon.value_or(0.0F)},
                         {64, kind, epsilon ? 1U : 0U}, uint64_t{2} * x.shape.elements());
  return y;
}

}  // namespace fovea::ops
