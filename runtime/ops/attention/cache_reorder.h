// Rows of a cache from where their beams went on.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/attention/cache_reorder.h"

namespace fovea::ops {

struct CacheReorder {
  static constexpr const gpu::Shader& shader = shaders::cache_reorder;
  using Push = CacheReorderPush;
  struct Spec {
    uint32_t group = 64, x = 64, beams = 16;
  };
  struct Bind {
    In parents, past;
    InOut cache;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(p.units, p.capacity, p.groups, {s.group, s.x, 1});
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const uint32_t beams : {2U, 4U, 16U}) {
      const UnitGroup group = unit_group(device, 512);
      out.push_back({group.lanes, group.x, beams});
    }
    return out;
  }
};
inline const KernelRegistration<CacheReorder> register_cache_reorder;

// cache [rows, capacity, width]: row b becomes what row parents[b] was, u32 [rows], in its first past[b]
// tokens. Rows lie in groups of `beams`, whose parents are of the same group and whose pasts are equal.
inline void cache_reorder(Recorder& r, const Tensor& cache, const Tensor& parents, const Tensor& past,
                          uint32_t beams) {
  const auto counts_rows = [&](const Tensor& t) {
    return t.dtype == DType::u32 && t.shape == Shape{cache.shape[0]};
  };
  check(cache.shape.rank() == 3 && is_real(cache.dtype) && cache.shape[2] % 4 == 0 && beams != 0 &&
            beams <= 16 && cache.shape[0] % beams == 0 && cache.shape.elements() <= UINT32_MAX &&
            counts_rows(parents) && counts_rows(past),
        "cache_reorder", [&] {
          return fmt::format("{} {} for {} beams, {}, {}", shape_of("cache", cache), to_string(cache.dtype),
                             beams, shape_of("parents", parents), shape_of("past", past));
        });
  const UnitGroup group = unit_group(r.device().info(), cache.shape[2]);
  r.dispatch<CacheReorder>({parents, past, cache},
                           {cache.shape[0] / beams, cache.shape[1], cache.shape[2] / 4},
                           {group.lanes, group.x, beams});
}

}  // namespace fovea::ops
