// Exact attention probabilities for the rows somebody asked for, from queries, keys and log-sum-exp.
#pragma once

#include <algorithm>
#include <bit>

#include "generated/shaders.h"
#include "runtime/ops/attention/attention.h"
#include "shaders/attention/attention_rows.h"

namespace fovea::ops {

enum class RowFusion : uint32_t { none = 0, mean = 1, max = 2, min = 3, one_head = 4 };  // over heads

struct AttentionRows {
  static constexpr const gpu::Shader& shader = shaders::attention_rows;
  using Push = AttentionRowsPush;
  struct Spec {
    uint32_t group = 64, fusion = 0, has_bias = 0, has_mask = 0, has_lengths = 0, causal = 0;
  };
  struct Bind {
    In q, k, bias, mask, lengths, lse;
    Out probability;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.a.keys, s.group), groups(p.rows, 8), p.a.images * (s.fusion == 0 ? p.a.heads : 1)};
  }
  static Spec fitted(const DeviceInfo&, RowFusion fusion, uint32_t /*rows*/) {
    return {64, static_cast<uint32_t>(fusion)};
  }
  static std::vector<Spec> variants(const DeviceInfo&) {
    return {{64, 0}, {64, 1}, {64, 2}, {64, 3}, {64, 4}, {64, 0, 1, 1}, {64, 1, 1, 1}, {64, 0, 0, 0, 1, 1}};
  }
};

struct AttentionRowsTexel {
  static constexpr const gpu::Shader& shader = shaders::attention_rows_texel;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = AttentionRowsPush;
  struct Spec {
    uint32_t group = 8, lanes = 8, rows = 16, fusion = 0, has_bias = 0, has_mask = 0, has_lengths = 0,
             causal = 0;
  };
  struct Bind {
    Texel q, k, bias, mask;
    In lengths, lse;
    Out probability;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.a.keys, s.group), groups(p.rows, s.rows), p.a.images * (s.fusion == 0 ? p.a.heads : 1)};
  }
  // rows: that somebody asked for; a decoder's step asks for one.
  static Spec fitted(const DeviceInfo& device, RowFusion fusion, uint32_t rows = 16) {
    const uint32_t own = std::bit_ceil(std::min(rows, 16U));
    return {std::max(8U, device.subgroup_size), std::min(own, device.subgroup_size), own,
            static_cast<uint32_t>(fusion)};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const RowFusion fusion :
         {RowFusion::none, RowFusion::mean, RowFusion::max, RowFusion::min, RowFusion::one_head})
      out.push_back(fitted(device, fusion));
    for (const uint32_t rows : {1U, 4U}) out.push_back(fitted(device, RowFusion::none, rows));
    for (const uint32_t terms : {0U, 1U}) {
      out.push_back(out.front());
      out.back().has_bias = out.back().has_mask = terms;
      out.back().has_lengths = out.back().causal = 1 - terms;
    }
    return out;
  }
};
inline const Candidates<AttentionRowsTexel, AttentionRows> attention_rows_kernels;

// Rows first_row … first_row + rows − 1 of the attention of `in`: [images, heads, rows, keys] for
// RowFusion::none, [images, rows, keys] otherwise, f32. Head widths and offsets must be multiples of four.
inline Tensor attention_rows(Recorder& r, const AttentionInput& in, const Tensor& lse, uint32_t first_row,
                             uint32_t rows, RowFusion fusion, uint32_t head = 0) {
  const AttentionLayout& p = in.layout;
  check((p.width | p.q_first | p.q_image | p.q_token | p.k_first | p.kv_image | p.kv_token) % 4 == 0,
        "attention_rows",
        [&] { return fmt::format("heads of {} channels are not a multiple of four", p.width); });
  check(rows != 0 && rows <= p.queries && first_row <= p.queries - rows && head < p.heads &&
            lse.shape == Shape{p.images, p.heads, p.queries},
        "attention_rows", [&] {
          return fmt::format("{} rows from {} of {}, head {} of {}, {}", rows, first_row, p.queries, head,
                             p.heads, shape_of("lse", lse));
        });
  in.check_layout("attention_rows");
  in.check_terms("attention_rows");
  const bool per_head = fusion == RowFusion::none;
  const Tensor out =
      r.temporary(per_head ? Shape{p.images, p.heads, rows, p.keys} : Shape{p.images, rows, p.keys},
                  DType::f32, "attention_rows");
  const uint32_t heads = fusion == RowFusion::one_head ? 1 : p.heads;
  const uint64_t flops = uint64_t{2} * p.images * heads * rows * p.keys * p.width;
  const AttentionRowsPush push{p,
                               in.term(in.bias),
                               in.term(in.mask),
                               in.limits(),
                               first_row,
                               rows,
                               fusion == RowFusion::one_head ? head : 0};
  const Tensor &bias = in.bias ? in.bias : in.q, &mask = in.mask ? in.mask : in.q,
               &lengths = in.lengths ? in.lengths : lse;
  attention_rows_kernels.dispatch(r, [&]<class K>(K) {
    typename K::Spec spec = K::fitted(r.device().info(), fusion, rows);
    spec.has_bias = in.bias ? 1 : 0;
    spec.has_mask = in.mask ? 1 : 0;
    spec.has_lengths = in.lengths ? 1 : 0;
    spec.causal = in.causal ? 1 : 0;
    return Call<K>{{in.q, in.k, bias, mask, lengths, lse, out}, push, spec, flops};
  });
  return out;
}

}  // namespace fovea::ops
