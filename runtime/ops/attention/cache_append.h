// Keys and values behind those that a cache holds.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/attention/cache_append.h"

namespace fovea::ops {

template <gpu::Family F>
struct CacheAppend : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::cache_append;
  using Push = CacheAppendPush;
  struct Spec {
    UnitGroup group;
    uint32_t has_past = 1;
  };
  struct Bind {
    ReadBy<F> x;
    In past;
    Out cache;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.tokens, p.images, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group)) out.push_back({group, 1});
    return out;
  }
};
inline const BothFamilies<CacheAppend> cache_append_kernels;

// Channels first … first + width − 1 of x [images, tokens, any] to cache [images, capacity, width], behind
// the past [images] u32 rows that it holds; past may be empty, for none. Rows beyond the capacity are
// dropped.
inline void cache_append(Recorder& r, const Tensor& x, uint32_t first, const Tensor& cache,
                         const Tensor& past) {
  check(x.shape.rank() == 3 && cache.shape.rank() == 3 && cache.shape[0] == x.shape[0] &&
            cache.dtype == x.dtype && is_real(x.dtype) && first <= x.shape[2] &&
            cache.shape[2] <= x.shape[2] - first && (x.shape[2] | first | cache.shape[2]) % 4 == 0 &&
            (!past || (past.dtype == DType::u32 && past.shape == Shape{x.shape[0]})),
        "cache_append", [&] {
          return fmt::format("{} {} from channel {}, {} {}, {}", shape_of("x", x), to_string(x.dtype), first,
                             shape_of("cache", cache), to_string(cache.dtype), shape_of("past", past));
        });
  const CacheAppendPush push{x.shape[0],     x.shape[1], cache.shape[2] / 4,
                             x.shape[2] / 4, first / 4,  cache.shape[1]};
  const UnitGroup group = unit_group(r.device().info(), cache.shape[2]);
  const Tensor read = past ? past : cache;
  cache_append_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, read, cache}, push, {group, past ? 1U : 0U}};
  });
}

}  // namespace fovea::ops
