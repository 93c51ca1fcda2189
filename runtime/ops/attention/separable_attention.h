// Separable self-attention of MobileViTv2, between its two projections.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/attention/separable_attention.h"

namespace fovea::ops {

template <gpu::Family F>
struct SeparableAttention : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::separable_attention;
  using Push = SeparableAttentionPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    Out y, scores;
  };
  static Grid grid(const Push& p, const Spec& s) { return {ops::groups(p.units, s.x), p.groups, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    return unit_variants<F>(device, unit_columns);
  }
};
inline const BothFamilies<SeparableAttention> separable_attention_kernels;

struct SeparableResult {
  Tensor o;       // [groups, tokens, channels]
  Tensor scores;  // [groups, tokens] f32, the softmax over a group's tokens
};

// x [groups, tokens, 2 · channels + 4]: key, value, query and three numbers that are not read. In each group
// scores = softmax(query), context = Σ scores · key, o = relu(value) ⊙ context.
inline SeparableResult separable_attention(Recorder& r, const Tensor& x) {
  const uint32_t row = x.shape.last();
  check(x.shape.rank() == 3 && row > 4 && row % 2 == 0, "separable_attention",
        [&] { return shape_of("x", x) + ", not [groups, tokens, 2 · channels + 4]"; });
  const uint32_t groups = x.shape[0], tokens = x.shape[1], channels = (row - 4) / 2;
  const SeparableResult result{r.temporary({groups, tokens, channels}, x.dtype, "separable_attention"),
                               r.temporary({groups, tokens}, DType::f32, "separable_attention scores")};
  const bool fours = channels % 4 == 0;
  const SeparableAttentionPush push{groups, tokens, units_of(channels), fours ? row / 4 : row};
  const UnitGroup group = unit_columns(r.device().info(), channels);
  const uint64_t flops = 4 * x.shape.elements();
  separable_attention_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, result.o, result.scores}, push, group, flops};
  });
  return result;
}

}  // namespace fovea::ops
