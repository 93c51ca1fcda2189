// Attention over the items of a sequence as recurrent models have it: scores of queries against keys, weights
// from scores, a context from weights.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/sequence/query_scores.h"
#include "shaders/sequence/score_weights.h"
#include "shaders/sequence/weighted_sum.h"

namespace fovea::ops {

// A workgroup whose lanes stand side by side over `items`, and read channels in units.
inline UnitGroup item_group(const DeviceInfo& device, uint32_t items, uint32_t channels) {
  const uint32_t lanes = device.type == DeviceType::cpu ? std::max(8U, device.subgroup_size) : 64;
  return {lanes, std::min(lanes, std::bit_ceil(items)), channels % 4 == 0 ? 1U : 0U};
}

template <gpu::Family F>
struct QueryScores : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::query_scores;
  using Push = QueryScoresPush;
  struct Spec {
    UnitGroup group;
    uint32_t additive = 0;
  };
  struct Bind {
    ReadBy<F> q, k, energy;
    Out scores;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.keys, p.queries, p.batch, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const uint32_t channels : {64U, 17U})
      if (F == gpu::Family::buffer || channels % 4 == 0)
        for (const uint32_t additive : {0U, 1U}) out.push_back({item_group(device, 64, channels), additive});
    return out;
  }
};
inline const BothFamilies<QueryScores> query_scores_kernels;

// scale · q kᵀ, or, with an energy [channels] f32, energy · tanh(q + k): q [batch, queries, channels],
// k [batch, keys, channels] → f32 [batch, queries, keys].
Tensor query_scores(Recorder& r, const Tensor& q, const Tensor& k, float scale = 1,
                    const Tensor& energy = {});

struct ScoreWeights {
  static constexpr const gpu::Shader& shader = shaders::score_weights;
  using Push = ScoreWeightsPush;
  struct Spec {
    uint32_t group = 64, hard = 0, sample = 0, has_mask = 0, has_lengths = 0, window = 0, gauss = 0;
  };
  struct Bind {
    In scores, mask, lengths, centres;
    Out weights;
  };
  static Grid grid(const Push& p, const Spec&) {
    const uint32_t wide = std::min(p.rows, 65535U);
    return {wide, groups(p.rows, wide), 1};
  }
};
inline const KernelRegistration<ScoreWeights> register_score_weights;

enum class Focus { soft, hard, sampled };  // sampled: hard, one key drawn from the softmax
struct KeyChoice {
  Focus focus = Focus::soft;
  uint32_t seed = 0;  // of samples: the same one draws the same keys
  Tensor mask{};      // u32 [batch, keys], 0 for keys that are not seen
  Tensor lengths{};   // u32 [batch]: keys beyond are not seen
  // f32 [batch, queries]: keys within `window` of it are seen. gauss: and weighted by a Gaussian around it of
  // σ = window / 2, not normalised again.
  Tensor centres{};
  float window = 0;
  bool gauss = false;
};
// scores f32 [batch, queries, keys] → weights of the same shape; a query that sees no key has zeros.
Tensor score_weights(Recorder& r, const Tensor& scores, const KeyChoice& choice);

template <gpu::Family F>
struct WeightedSum : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::weighted_sum;
  using Push = WeightedSumPush;
  using Spec = UnitGroup;
  struct Bind {
    In weights;
    ReadBy<F> v;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.rows, p.batch, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<WeightedSum> weighted_sum_kernels;

// scale · weights v: weights f32 [batch, rows, items], v [batch, items, channels] → [batch, rows, channels]
// of v's type; turned: weights are [batch, items, rows].
Tensor weighted_sum(Recorder& r, const Tensor& weights, const Tensor& v, float scale = 1,
                    bool turned = false);

}  // namespace fovea::ops
