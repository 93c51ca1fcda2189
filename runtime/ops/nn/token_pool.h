// Pooling over tokens: global average, or maximum.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/token_pool.h"

namespace fovea::ops {

template <gpu::Family F>
struct TokenPool : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::token_pool;
  using Push = TokenPoolPush;
  struct Spec {
    UnitGroup group;
    uint32_t maximum = 0;
  };
  struct Bind {
    ReadBy<F> x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.units, s.group.x), p.images, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_columns))
      for (const uint32_t maximum : {0U, 1U}) out.push_back({group, maximum});
    return out;
  }
};
inline const BothFamilies<TokenPool> token_pool_kernels;

inline Tensor token_pool(Recorder& r, const Tensor& x, uint32_t first, bool maximum, const char* name) {
  check(x.shape.rank() == 3 && first < x.shape[1], name,
        [&] { return fmt::format("{}, first {}", shape_of("x", x), first); });
  const uint32_t channels = x.shape[2];
  const Tensor y = r.temporary({x.shape[0], channels}, x.dtype, name);
  const TokenPoolPush push{x.shape[0], x.shape[1], first, units_of(channels)};
  const UnitGroup group = unit_columns(r.device().info(), channels);
  token_pool_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, y}, push, {group, maximum ? 1U : 0U}, x.shape.elements()};
  });
  return y;
}

// x [images, tokens, channels] → [images, channels], over tokens `first` and later.
inline Tensor token_mean(Recorder& r, const Tensor& x, uint32_t first = 0) {
  return token_pool(r, x, first, false, "token_mean");
}
inline Tensor token_max(Recorder& r, const Tensor& x, uint32_t first = 0) {
  return token_pool(r, x, first, true, "token_max");
}

}  // namespace fovea::ops
