// Kernels whose lanes work on units of channels (shaders/common/units.glsl): four channels, or one where the
// number of channels is not a multiple of four.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "runtime/tune/candidates.h"

namespace fovea::ops {

// Specialisation constants 0, 1 and 2: lanes of a workgroup, those along a row's units, and whether units are
// fours.
struct UnitGroup {
  uint32_t lanes = 64, x = 64, fours = 1;
  uint32_t y() const { return lanes / x; }
};

constexpr uint32_t units_of(uint32_t channels) {
  return channels % 4 == 0 ? channels / 4 : channels;
}

// A workgroup for rows of `channels`: as wide as the row, and as many rows as fill it up.
inline UnitGroup unit_group(const DeviceInfo& device, uint32_t channels) {
  const uint32_t lanes = device.type == DeviceType::cpu ? std::max(8U, device.subgroup_size) : 64;
  const uint32_t wide = std::min(lanes, std::bit_ceil(units_of(channels)));
  return {lanes, wide, channels % 4 == 0 ? 1U : 0U};
}

// Workgroups for all units of `rows` rows of each plane. Lanes loop over rows, about four each, and more in
// huge tensors: Vulkan promises 65535 workgroups along a side.
inline Grid unit_grid(uint32_t units, uint32_t rows, uint32_t planes, const UnitGroup& group) {
  return {groups(units, group.x), std::min(groups(rows, 4 * group.y()), 65535U), planes};
}

// A workgroup for sums over rows: several lanes share a unit's rows, on a CPU driver only where rows are
// narrow.
inline UnitGroup unit_columns(const DeviceInfo& device, uint32_t channels) {
  const bool cpu = device.type == DeviceType::cpu;
  const uint32_t lanes = cpu ? std::max(8U, device.subgroup_size) : 128;
  const uint32_t wide = std::min(cpu ? lanes : 8, std::bit_ceil(units_of(channels)));
  return {lanes, wide, channels % 4 == 0 ? 1U : 0U};
}

// What check-amd compiles: groups for narrow, wide and, where the family takes them, odd rows.
template <gpu::Family F>
std::vector<UnitGroup> unit_variants(const DeviceInfo& device,
                                     UnitGroup (*group)(const DeviceInfo&, uint32_t channels)) {
  std::vector<UnitGroup> out{group(device, 4), group(device, 64), group(device, 1024)};
  if (F == gpu::Family::buffer) out.push_back(group(device, 17));
  return out;
}

// What kernels on units have in common: their source is compiled for both families, and texels are read in
// fours.
template <gpu::Family F>
struct UnitKernel {
  static constexpr gpu::Family family = F;
  template <class Push, class Spec>
  static bool suits(const Push&, const Spec& spec) {
    if constexpr (requires { spec.group.fours; })
      return F == gpu::Family::buffer || spec.group.fours != 0;
    else
      return F == gpu::Family::buffer || spec.fours != 0;
  }
};

}  // namespace fovea::ops
