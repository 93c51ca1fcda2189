// Mean and maximum of each pixel over its channels, the input of CBAM's spatial gate.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/channel_stats.h"

namespace fovea::ops {

// Several lanes share a pixel; on a CPU driver each has its own.
inline UnitGroup channel_stats_group(const DeviceInfo& device, uint32_t channels) {
  const uint32_t fours = channels % 4 == 0 ? 1 : 0;
  if (device.type == DeviceType::cpu) return {std::max(8U, device.subgroup_size), 1, fours};
  return {64, std::min(16U, std::bit_ceil(units_of(channels))), fours};
}

template <gpu::Family F>
struct ChannelStats : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::channel_stats;
  using Push = ChannelStatsPush;
  struct Spec {
    UnitGroup group;
    uint32_t mean_first = 1;
  };
  struct Bind {
    ReadBy<F> x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {std::min(groups(p.pixels, s.group.y()), 65535U), 1, 1};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, channel_stats_group))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
inline const BothFamilies<ChannelStats> channel_stats_kernels;

// x [images, height, width, channels] → [images, height, width, 4]: (mean, maximum, 0, 0), or (maximum, mean,
// 0, 0).
inline Tensor channel_stats(Recorder& r, const Tensor& x, bool mean_first) {
  check(x.shape.rank() == 4, "channel_stats", [&] { return shape_of("x", x); });
  const uint32_t channels = x.shape[3];
  const Tensor y = r.temporary({x.shape[0], x.shape[1], x.shape[2], 4}, x.dtype, "channel_stats");
  const ChannelStatsPush push{static_cast<uint32_t>(x.shape.rows()), units_of(channels)};
  const UnitGroup group = channel_stats_group(r.device().info(), channels);
  channel_stats_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, y}, push, {group, mean_first ? 1U : 0U}, 2 * x.shape.elements()};
  });
  return y;
}

}  // namespace fovea::ops
