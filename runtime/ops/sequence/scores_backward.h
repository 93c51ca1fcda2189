// Gradients of attention's scores and weights, all f32.
#pragma once

#include "runtime/ops/sequence/scores.h"

namespace fovea::ops {

struct ScoreWeightsBackward {
  static constexpr const gpu::Shader& shader = shaders::score_weights_backward;
  using Push = ScoreWeightsPush;
  struct Spec {
    uint32_t group = 64, gauss = 0;
  };
  struct Bind {
    In weights, dweights, centres;
    Out dscores, dcentres;
  };
  static Grid grid(const Push& p, const Spec&) {
    const uint32_t wide = std::min(p.rows, 65535U);
    return {wide, groups(p.rows, wide), 1};
  }
};
inline const KernelRegistration<ScoreWeightsBackward> register_score_weights_backward;

struct ScoreWeightsGradient {
  Tensor dscores;   // [batch, queries, keys]
  Tensor dcentres;  // [batch, queries]; empty without a Gaussian
};
// Of soft attention. `weights` are what score_weights() gave for `choice`.
ScoreWeightsGradient score_weights_backward(Recorder& r, const Tensor& weights, const Tensor& dweights,
                                            const KeyChoice& choice);

template <gpu::Family F>
struct AdditiveScoresBackward : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::additive_scores_backward;
  using Push = QueryScoresPush;
  struct Spec {
    UnitGroup group;
    uint32_t over_queries = 0;
  };
  struct Bind {
    ReadBy<F> q, k, energy;
    In ds;
    Out d, de;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(p.units, s.over_queries != 0 ? p.keys : p.queries, p.batch, s.group);
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
inline const BothFamilies<AdditiveScoresBackward> additive_scores_backward_kernels;

// Of query_scores() with an energy: by q, and each query's share of the gradient by the energy, of q's shape.
struct AdditiveQueriesGradient {
  Tensor d, denergy;
};
AdditiveQueriesGradient additive_queries_backward(Recorder& r, const Tensor& q, const Tensor& k,
                                                  const Tensor& energy, const Tensor& dscores);
// And by k.
Tensor additive_keys_backward(Recorder& r, const Tensor& q, const Tensor& k, const Tensor& energy,
                              const Tensor& dscores);

}  // namespace fovea::ops
