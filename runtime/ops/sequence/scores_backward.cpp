#include "runtime/ops/sequence/scores_backward.h"

namespace fovea::ops {

ScoreWeightsGradient score_weights_backward(Recorder& r, const Tensor& weights, const Tensor& dweights,
                                            const KeyChoice& choice) {
  const uint32_t batch = weights.shape[0], queries = weights.shape[1], keys = weights.shape[2];
  check(weights.shape.rank() == 3 && weights.dtype == DType::f32 && dweights.shape == weights.shape &&
            dweights.dtype == DType::f32 && choice.focus == Focus::soft,
        "score_weights_backward",
        [&] { return fmt::format("{}, {}", shape_of("weights", weights), shape_of("dweights", dweights)); });
  const bool gauss = choice.gauss;
  ScoreWeightsGradient out{r.temporary(weights.shape, DType::f32, "gradient of scores"), {}};
  if (gauss) out.dcentres = r.temporary({batch, queries}, DType::f32, "gradient of centres");
  ScoreWeightsBackward::Spec spec;
  if (r.device().info().type == DeviceType::cpu) spec.group = std::max(8U, r.device().info().subgroup_size);
  spec.gauss = gauss ? 1 : 0;
  const float falloff = gauss ? 2 / (choice.window * choice.window) : 0;
  r.dispatch<ScoreWeightsBackward>(
      {weights, dweights, gauss ? choice.centres : weights, out.dscores, gauss ? out.dcentres : out.dscores},
      {batch * queries, queries, keys, choice.window, falloff, 0}, spec, 8 * weights.shape.elements());
  return out;
}

namespace {

void additive_backward(Recorder& r, const Tensor& q, const Tensor& k, const Tensor& energy,
                       const Tensor& dscores, bool over_queries, const Tensor& d, const Tensor& denergy) {
  const uint32_t batch = q.shape[0], queries = q.shape[1], channels = q.shape[2], keys = k.shape[1];
  check(q.dtype == DType::f32 && k.dtype == DType::f32 && k.shape == Shape{batch, keys, channels} &&
            dscores.shape == Shape{batch, queries, keys} && dscores.dtype == DType::f32 &&
            energy.shape.elements() == channels && batch <= 65535,
        "additive_scores_backward", [&] {
          return fmt::format("{} {}, {} {}, {}", shape_of("q", q), to_string(q.dtype), shape_of("k", k),
                             to_string(k.dtype), shape_of("dscores", dscores));
        });
  const QueryScoresPush push{batch, queries, keys, units_of(channels), 1};
  additive_scores_backward_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{q, k, energy, dscores, d, denergy},
                   push,
                   {unit_group(r.device().info(), channels), over_queries ? 1U : 0U},
                   12 * dscores.shape.elements() * channels};
  });
}

}  // namespace

AdditiveQueriesGradient additive_queries_backward(Recorder& r, const Tensor& q, const Tensor& k,
                                                  const Tensor& energy, const Tensor& dscores) {
  const AdditiveQueriesGradient out{r.temporary(q.shape, DType::f32, "gradient of queries"),
                                    r.temporary(q.shape, DType::f32, "gradient of energy")};
  additive_backward(r, q, k, energy, dscores, false, out.d, out.denergy);
  return out;
}

Tensor additive_keys_backward(Recorder& r, const Tensor& q, const Tensor& k, const Tensor& energy,
                              const Tensor& dscores) {
  const Tensor d = r.temporary(k.shape, DType::f32, "gradient of keys");
  additive_backward(r, q, k, energy, dscores, true, d, d);
  return d;
}

}  // namespace fovea::ops
