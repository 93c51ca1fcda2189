// Mean and maximum of each pixel over its channels, the input of CBAM's spatial gate.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/channel_stats.h"

namespace fovea::ops {

template <class Read, const gpu::Shader& source>
struct ChannelStatsFrom {
  static constexpr const gpu::Shader& shader = source;
  using Push = ChannelStatsPush;
  struct Spec {
    UnitGroup group;
    uint32_t mean_first = 1;
  };
  struct Bind {
    Read x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {std::min(groups(p.pixels, s.group.y()), 65535U), 1, 1};
  }
  // Several lanes share a pixel; on a CPU driver each has its own.
  static UnitGroup lanes(const DeviceInfo& device, uint32_t channels) {
    if (device.type != DeviceType::cpu) {
      const uint32_t wide = std::min(16U, std::bit_ceil(units_of(channels)));
      return {64, wide, channels % 4 == 0 ? 1U : 0U};
    }
    return {std::max(8U, device.subgroup_size), 1, channels % 4 == 0 ? 1U : 0U};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<Read>(device, lanes))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
using ChannelStats = ChannelStatsFrom<In, shaders::channel_stats>;
using ChannelStatsTexel = ChannelStatsFrom<Texel, shaders::channel_stats_texel>;
inline const KernelRegistration<ChannelStats> register_channel_stats;
inline const KernelRegistration<ChannelStatsTexel> register_channel_stats_texel;

// x [images, height, width, channels] → [images, height, width, 4]: (mean, maximum, 0, 0), or (maximum, mean,
// 0, 0).
inline Tensor channel_stats(Recorder& r, const Tensor& x, bool mean_first) {
  check(x.shape.rank() == 4, "channel_stats", [&] { return shape_of("x", x); });
  const uint32_t channels = x.shape[3];
  const Tensor y = r.temporary({x.shape[0], x.shape[1], x.shape[2], 4}, x.dtype, "channel_stats");
  const ChannelStatsPush push{static_cast<uint32_t>(x.shape.rows()), units_of(channels)};
  const ChannelStats::Spec spec{ChannelStats::lanes(r.device().info(), channels), mean_first ? 1U : 0U};
  if (reads_texels(r, channels, {x}))
    r.dispatch<ChannelStatsTexel>({x, y}, push, {spec.group, spec.mean_first}, 2 * x.shape.elements());
  else
    r.dispatch<ChannelStats>({x, y}, push, spec, 2 * x.shape.elements());
  return y;
}

}  // namespace fovea::ops
