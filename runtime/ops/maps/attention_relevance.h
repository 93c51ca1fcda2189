// What each key's attention does for a number, from the number's gradient by the heads' outputs: the one
// product behind class evidence and all gradient maps.
#pragma once

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/attention/attention.h"
#include "runtime/ops/nn/token_pool.h"
#include "shaders/maps/attention_relevance.h"

namespace fovea::ops {

enum class RelevanceHeads : uint32_t { sum = 0, one = 1, each = 2 };
enum class Positive : uint32_t { no = 0, terms = 1, result = 2 };  // what only its positive part is taken of

struct AttentionRelevanceSpec {
  uint32_t group = 64, rows = 8, heads = 0, times_attention = 1, positive = 0, weighted = 0, has_base = 0,
           has_bias = 0, has_mask = 0;
};

inline uint32_t relevance_group(const DeviceInfo& device) {
  return device.type == DeviceType::cpu ? std::max(8U, device.subgroup_size) : 64;
}

template <gpu::Family F>
struct AttentionRelevance {
  static constexpr gpu::Family family = F;
  static constexpr const gpu::Shader& shader = shaders::attention_relevance;
  using Push = AttentionRelevancePush;
  using Spec = AttentionRelevanceSpec;
  struct Bind {
    ReadBy<F> q, k, v, gradient, bias, mask;
    In lse, weights, base;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.a.keys, s.group), groups(p.a.queries, s.rows),
            p.a.images * (s.heads == static_cast<uint32_t>(RelevanceHeads::each) ? p.a.heads : 1)};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    const uint32_t group = relevance_group(device);
    return {{group, 1, 0, 1, 0, 0, 1},                                    // evidence
            {group, 1, 2, 1, 0, 0, 0},                                    // its terms
            {group, 1, 0, 1, 2, 0, 0},                                    // Grad-CAM
            {group, 8, 0, 0, 1, 0, 1},                                    // summed gradient
            {group, 8, 0, 1, 1, 1, 1},                                    // GAE
            {group, 8, 0, 1, 1, 1, 1, 1, 1}, {group, 1, 0, 1, 1, 0, 0}};  // GAE of texts, row by row
  }
};
inline const BothFamilies<AttentionRelevance> attention_relevance_kernels;

struct RelevanceCase {
  AttentionInput in;       // rows of its first layout.queries queries count
  Tensor lse;              // f32 [images, heads, at least queries]
  Tensor gradient;         // f32 [images, queries, heads * width], by the heads' outputs
  bool one_value = false;  // v is one vector an image, [images, any], for all keys
  bool times_attention = true;
  Positive positive = Positive::no;
  RelevanceHeads heads = RelevanceHeads::sum;
  uint32_t head = 0;      // for RelevanceHeads::one
  Tensor weights{};       // f32 [images, at least queries], of rows; empty for ones
  Tensor base{};          // f32 [images, keys]; empty for zeros
  bool each_row = false;  // no sum over rows
  float factor = 1;
};

// With G[h,i,j] = gradient_i · v_j per head and A the attention:
//   y_j = base_j + factor · Σ_i weights_i Σ_h f(G (· A)), f the identity or ReLU
// as f32 [images, keys], [images, heads, keys] for each head by itself, or [images, queries, keys] for each
// row.
inline Tensor attention_relevance(Recorder& r, const RelevanceCase& c) {
  const AttentionLayout& p = c.in.layout;
  AttentionInput in = c.in;
  if (c.one_value) in.v = in.k;  // has a layout of its own
  in.check_layout("attention_relevance");
  in.check_terms("attention_relevance");
  in.check_all_seen("attention_relevance");
  const uint32_t rows = c.each_row ? 1 : std::min(p.queries, 8U), tiles = groups(p.queries, rows);
  const bool each = c.heads == RelevanceHeads::each;
  check(in_fours(p) && c.lse.shape.rank() == 3 && c.lse.shape[0] == p.images && c.lse.shape[1] == p.heads &&
            c.lse.shape[2] >= p.queries && c.gradient.dtype == DType::f32 &&
            c.gradient.shape == Shape{p.images, p.queries, p.heads * p.width} && c.head < p.heads &&
            (!c.one_value || (c.in.v.shape.rank() == 2 && c.in.v.shape[0] == p.images &&
                              p.v_first + p.heads * p.width <= c.in.v.shape[1])),
        "attention_relevance", [&] {
          return fmt::format("{} queries, {} heads of {}, head {}, {}, {}, {}", p.queries, p.heads, p.width,
                             c.head, shape_of("lse", c.lse), shape_of("gradient", c.gradient),
                             shape_of("v", c.in.v));
        });
  check((!c.weights || (c.weights.dtype == DType::f32 && c.weights.shape.rank() == 2 &&
                        c.weights.shape[0] == p.images && c.weights.shape[1] >= p.queries)) &&
            (!c.base || (c.base.dtype == DType::f32 && c.base.shape == Shape{p.images, p.keys} && !each)) &&
            !(c.each_row && (each || c.base)) && (c.positive != Positive::result || tiles == 1),
        "attention_relevance", [&] {
          return fmt::format("{}, {}, {} queries in {} tiles", shape_of("weights", c.weights),
                             shape_of("base", c.base), p.queries, tiles);
        });
  const uint32_t outputs = p.images * (each ? p.heads : 1);
  const Tensor parts = r.temporary({outputs, tiles, p.keys}, DType::f32, "attention_relevance");
  const AttentionRelevancePush push{.a = p,
                                    .bias = in.term(in.bias),
                                    .mask = in.term(in.mask),
                                    .v_image = c.one_value ? c.in.v.shape[1] : p.kv_image,
                                    .v_token = c.one_value ? 0 : p.kv_token,
                                    .lse_queries = c.lse.shape[2],
                                    .weights_image = c.weights ? c.weights.shape[1] : 0,
                                    .head = c.head,
                                    // The kernel's parts are those of a mean over tiles.
                                    .factor = c.each_row ? c.factor / static_cast<float>(tiles) : c.factor};
  const AttentionRelevanceSpec spec{.group = relevance_group(r.device().info()),
                                    .rows = rows,
                                    .heads = static_cast<uint32_t>(c.heads),
                                    .times_attention = c.times_attention ? 1U : 0U,
                                    .positive = static_cast<uint32_t>(c.positive),
                                    .weighted = c.weights ? 1U : 0U,
                                    .has_base = c.base ? 1U : 0U,
                                    .has_bias = in.bias ? 1U : 0U,
                                    .has_mask = in.mask ? 1U : 0U};
  const Tensor &weights = c.weights ? c.weights : c.lse, &base = c.base ? c.base : c.lse;
  const Tensor &bias = in.bias ? in.bias : c.gradient, &mask = in.mask ? in.mask : c.gradient;
  const uint64_t heads = c.heads == RelevanceHeads::one ? 1 : p.heads;
  const uint64_t flops =
      (c.times_attention ? 4 : 2) * uint64_t{p.images} * heads * p.queries * p.keys * p.width;
  attention_relevance_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{
        {c.in.q, c.in.k, c.in.v, c.gradient, bias, mask, c.lse, weights, base, parts}, push, spec, flops};
  });
  if (c.each_row) return parts.reshaped({p.images, p.queries, p.keys});
  const Tensor y = tiles == 1 ? parts : token_mean(r, parts);
  return each ? y.reshaped({p.images, p.heads, p.keys}) : y.reshaped({p.images, p.keys});
}

// The mean over heads of ReLU(∂/∂A ⊙ A), [images, queries, keys] f32.
inline Tensor relevance_rows(Recorder& r, const AttentionInput& in, const Tensor& lse,
                             const Tensor& gradient) {
  RelevanceCase c;
  c.in = in;
  c.lse = lse;
  c.gradient = gradient;
  c.positive = Positive::terms;
  c.each_row = true;
  c.factor = 1.0F / static_cast<float>(in.layout.heads);
  return attention_relevance(r, c);
}

}  // namespace fovea::ops
