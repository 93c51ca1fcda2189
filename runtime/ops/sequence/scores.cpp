#include "runtime/ops/sequence/scores.h"

namespace fovea::ops {

Tensor query_scores(Recorder& r, const Tensor& q, const Tensor& k, float scale, const Tensor& energy) {
  const uint32_t batch = q.shape[0], queries = q.shape[1], channels = q.shape[2], keys = k.shape[1];
  check(q.shape.rank() == 3 && q.shape.elements() != 0 && k.shape == Shape{batch, keys, channels} &&
            keys != 0 && q.dtype == k.dtype && batch <= 65535 &&
            (!energy || (energy.dtype == DType::f32 && energy.shape.elements() == channels)),
        "query_scores", [&] {
          return fmt::format("{} {}, {} {}, {}", shape_of("q", q), to_string(q.dtype), shape_of("k", k),
                             to_string(k.dtype), shape_of("energy", energy));
        });
  const Tensor scores = r.temporary({batch, queries, keys}, DType::f32, "scores");
  const QueryScoresPush push{batch, queries, keys, units_of(channels), scale};
  const UnitGroup group = item_group(r.device().info(), keys, channels);
  const uint64_t flops = (energy ? 10U : 2U) * scores.shape.elements() * channels;
  query_scores_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{q, k, energy ? energy : q, scores}, push, {group, energy ? 1U : 0U}, flops};
  });
  return scores;
}

Tensor score_weights(Recorder& r, const Tensor& scores, const KeyChoice& c) {
  const uint32_t batch = scores.shape[0], queries = scores.shape[1], keys = scores.shape[2];
  check(scores.shape.rank() == 3 && scores.dtype == DType::f32 && scores.shape.elements() != 0 &&
            scores.shape.elements() <= UINT32_MAX && (!c.mask || c.mask.shape == Shape{batch, keys}) &&
            (!c.lengths || c.lengths.shape == Shape{batch}) &&
            (!c.centres || (c.centres.shape == Shape{batch, queries} && c.centres.dtype == DType::f32)) &&
            (!c.gauss || (c.centres && c.window > 0 && c.focus == Focus::soft)),
        "score_weights", [&] {
          return fmt::format("{} {}, {}, {}, {}, window {}", shape_of("scores", scores),
                             to_string(scores.dtype), shape_of("mask", c.mask),
                             shape_of("lengths", c.lengths), shape_of("centres", c.centres), c.window);
        });
  const Tensor weights = r.temporary(scores.shape, DType::f32, "attention weights");
  ScoreWeights::Spec spec;
  if (r.device().info().type == DeviceType::cpu) spec.group = std::max(8U, r.device().info().subgroup_size);
  spec.hard = c.focus != Focus::soft ? 1 : 0;
  spec.sample = c.focus == Focus::sampled ? 1 : 0;
  spec.has_mask = c.mask ? 1 : 0;
  spec.has_lengths = c.lengths ? 1 : 0;
  spec.window = c.centres ? 1 : 0;
  spec.gauss = c.gauss ? 1 : 0;
  // exp(−d² / 2σ²) with σ = window / 2.
  const float falloff = c.gauss ? 2 / (c.window * c.window) : 0;
  const auto given = [&](const Tensor& t) { return t ? t : scores; };
  r.dispatch<ScoreWeights>({scores, given(c.mask), given(c.lengths), given(c.centres), weights},
                           {batch * queries, queries, keys, c.window, falloff, c.seed}, spec,
                           10 * scores.shape.elements());
  return weights;
}

Tensor weighted_sum(Recorder& r, const Tensor& weights, const Tensor& v, float scale, bool turned) {
  const uint32_t batch = v.shape[0], items = v.shape[1], channels = v.shape[2];
  const uint32_t rows = weights.shape[turned ? 2 : 1];
  check(v.shape.rank() == 3 && v.shape.elements() != 0 && weights.dtype == DType::f32 && rows != 0 &&
            weights.shape == (turned ? Shape{batch, items, rows} : Shape{batch, rows, items}) &&
            batch <= 65535,
        "weighted_sum", [&] {
          return fmt::format("{} {}, {}", shape_of("weights", weights), to_string(weights.dtype),
                             shape_of("v", v));
        });
  const Tensor y = r.temporary({batch, rows, channels}, v.dtype, "weighted sum");
  const WeightedSumPush push{
      batch, rows, items, units_of(channels), rows * items, turned ? 1 : items, turned ? rows : 1, scale};
  weighted_sum_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{weights, v, y},
                   push,
                   unit_group(r.device().info(), channels),
                   2 * weights.shape.elements() * channels};
  });
  return y;
}

}  // namespace fovea::ops
