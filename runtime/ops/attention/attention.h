// Fused multi-head attention that keeps each row's log-sum-exp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "runtime/tune/candidates.h"
#include "shaders/attention/attention.h"

namespace fovea::ops {

// Channels a head, of models that we know.
constexpr uint32_t attention_widths[]{16, 32, 64, 80, 128};
constexpr uint32_t most_texel_width = 128;  // that lanes of the texel kernels hold in registers

// Whether heads and their parts begin at multiples of four elements.
constexpr bool in_fours(const AttentionLayout& p) {
  return (p.width | p.q_first | p.q_image | p.q_token | p.k_first | p.v_first | p.kv_image | p.kv_token) %
             4 ==
         0;
}

// Every width, without additive terms, with both, and as a decoder attends to what came before.
template <class Kernel>
std::vector<typename Kernel::Spec> attention_variants(const DeviceInfo& device) {
  std::vector<typename Kernel::Spec> out;
  for (const uint32_t width : attention_widths)
    for (const uint32_t terms : {0U, 1U}) {
      out.push_back(Kernel::fitted(device, width));
      out.back().has_bias = out.back().has_mask = terms;
    }
  for (const uint32_t width : attention_widths) {
    out.push_back(Kernel::fitted(device, width));
    out.back().has_lengths = out.back().causal = 1;
  }
  return out;
}

struct AttentionTiled {
  static constexpr const gpu::Shader& shader = shaders::attention_tiled;
  using Push = AttentionPush;
  struct Spec {
    uint32_t group = 64, queries = 16, keys = 32, width = 64;
    uint32_t has_bias = 0, has_mask = 0, has_lengths = 0, causal = 0, fours = 1;
    uint32_t shared_bytes() const {
      return 4 * (queries * width + keys * (width + 4) + queries * (keys + 1));
    }
  };
  struct Bind {
    In q, k, v, bias, mask, lengths;
    Out o, lse;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.a.queries, s.queries), p.a.heads, p.a.images};
  }
  // The largest tiles that fit the device's shared memory, for a head of `width` channels.
  static Spec fitted(const DeviceInfo& device, uint32_t width, uint32_t queries = UINT32_MAX);
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out = attention_variants<AttentionTiled>(device);
    out.push_back(fitted(device, 64));
    out.back().fours = 0;
    return out;
  }
};

struct AttentionTexel {
  static constexpr const gpu::Shader& shader = shaders::attention_texel;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = AttentionPush;
  struct Spec {
    uint32_t group = 8, lanes = 8, width4 = 16, queries = 1;
    uint32_t has_bias = 0, has_mask = 0, has_lengths = 0, causal = 0;
  };
  struct Bind {
    Texel q, k, v, bias, mask;
    In lengths;
    Out o, lse;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.a.queries, s.group * s.queries), p.a.heads, p.a.images};
  }
  // Two queries a lane share what lanes hand round; one, where a second would have no work in any lane.
  static Spec fitted(const DeviceInfo& device, uint32_t width, uint32_t queries = UINT32_MAX) {
    const uint32_t group = std::max(8U, device.subgroup_size);
    return {group, std::min(8U, device.subgroup_size), width / 4, queries > group ? 2U : 1U};
  }
  static bool suits(const Push& p, const Spec&) { return in_fours(p.a) && p.a.width <= most_texel_width; }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    return attention_variants<AttentionTexel>(device);
  }
};
inline const Candidates<AttentionTexel, AttentionTiled> attention_kernels;

inline AttentionTiled::Spec AttentionTiled::fitted(const DeviceInfo& device, uint32_t width, uint32_t) {
  const uint32_t padded = (width + 15) / 16 * 16;
  for (const Spec s : {Spec{128, 32, 32, padded}, Spec{64, 16, 32, padded}, Spec{64, 16, 16, padded},
                       Spec{32, 8, 16, padded}, Spec{16, 4, 8, padded}})
    if (s.shared_bytes() <= device.shared_bytes && s.group <= device.max_invocations) return s;
  throw Error(
      ErrorKind::unsupported,
      error_prefix("attention") + fmt::format("heads of {} channels do not fit {} bytes of shared memory",
                                              width, device.shared_bytes));
}

// Where queries, keys and values lie: whole tensors or parts of packed rows.
struct AttentionInput {
  Tensor q, k, v;
  AttentionLayout layout;
  // Added to the scaled logits, f32 [any, heads or 1, queries, keys rounded up to 4]: image i uses entry
  // i % any. −∞, and all below −10³⁰, means a key that is not seen; each row must see one. Of more rows than
  // queries the first count; one row is for all queries.
  Tensor bias{}, mask{};
  // u32 [any]: image i sees its first lengths[i % any] keys. What sees none gets zeros.
  Tensor lengths{};
  // Query i sees keys up to i + causal_offset: of those that a cache holds already, and its own.
  bool causal = false;
  uint32_t causal_offset = 0;

  // qkv [images, tokens, 3, heads * width], as one linear writes it.
  static AttentionInput packed(const Tensor& qkv, uint32_t heads) {
    const uint32_t tokens = qkv.shape[1], row = qkv.shape[2], dim = row / 3;
    check(qkv.shape.rank() == 3 && heads != 0 && row % (3 * heads) == 0, "attention",
          [&] { return fmt::format("{}, heads {}", shape_of("qkv", qkv), heads); });
    const uint32_t width = dim / heads;
    return {qkv,
            qkv,
            qkv,
            {.images = qkv.shape[0],
             .queries = tokens,
             .keys = tokens,
             .heads = heads,
             .width = width,
             .q_first = 0,
             .q_image = tokens * row,
             .q_token = row,
             .k_first = dim,
             .v_first = 2 * dim,
             .kv_image = tokens * row,
             .kv_token = row,
             .scale = 1.0F / std::sqrt(static_cast<float>(width))}};
  }

  void check_layout(const char* operation) const {
    const AttentionLayout& p = layout;
    const auto last = [&](uint32_t first, uint32_t image, uint32_t token, uint32_t tokens) {
      return uint64_t{first} + uint64_t{p.images - 1} * image + uint64_t{tokens - 1} * token +
             uint64_t{p.heads} * p.width;
    };
    check(last(p.q_first, p.q_image, p.q_token, p.queries) <= q.shape.elements() &&
              last(p.k_first, p.kv_image, p.kv_token, p.keys) <= k.shape.elements() &&
              last(p.v_first, p.kv_image, p.kv_token, p.keys) <= v.shape.elements() && q.dtype == k.dtype &&
              k.dtype == v.dtype,
          operation, [&] {
            return fmt::format("{} queries, {} keys, {} heads of {} do not lie in {}, {}, {}", p.queries,
                               p.keys, p.heads, p.width, shape_of("q", q), shape_of("k", k),
                               shape_of("v", v));
          });
  }
  static LogitTerm term(const Tensor& t) {
    return t ? LogitTerm{t.shape[0], t.shape[1], t.shape[2]} : LogitTerm{1, 1, 1};
  }
  void check_terms(const char* operation) const {
    for (const auto& [name, t] : {std::pair{"bias", bias}, std::pair{"mask", mask}})
      check(!t || (t.dtype == DType::f32 && t.shape.rank() == 4 && t.shape[0] != 0 &&
                   (t.shape[1] == 1 || t.shape[1] == layout.heads) &&
                   (t.shape[2] == 1 || t.shape[2] >= layout.queries) &&
                   t.shape[3] == (layout.keys + 3) / 4 * 4),
            operation, [&, name = name, t = t] {
              return fmt::format("{} {}, not f32 [any, 1 or {}, 1 or {} or more, {}]", shape_of(name, t),
                                 to_string(t.dtype), layout.heads, layout.queries,
                                 (uint64_t{layout.keys} + 3) / 4 * 4);
            });
    check(!lengths || (lengths.dtype == DType::u32 && lengths.shape.rank() == 1 && lengths.shape[0] != 0),
          operation, [&] {
            return fmt::format("{} {}, not u32 [any]", shape_of("lengths", lengths),
                               to_string(lengths.dtype));
          });
    check(causal_offset <= layout.keys && (causal || causal_offset == 0), operation, [&] {
      return fmt::format("{}causal from key {} of {}", causal ? "" : "not ", causal_offset, layout.keys);
    });
  }
  // For operations that take every key: a key that counted there and is not seen would be silently wrong.
  void check_all_seen(const char* operation) const {
    check(!causal && !lengths, operation, [&] {
      return fmt::format("attention that is {} has no such operation yet", causal ? "causal" : "of lengths");
    });
  }
  KeyLimits limits() const { return {lengths ? lengths.shape[0] : 1, causal_offset}; }
};

struct AttentionResult {
  Tensor o;    // [images, queries, heads * width]
  Tensor lse;  // [images, heads, queries], f32
};

template <class Kernel>
Call<Kernel> attention_call(const AttentionInput& in, const AttentionResult& out,
                            typename Kernel::Spec spec) {
  const AttentionLayout& p = in.layout;
  spec.has_bias = in.bias ? 1 : 0;
  spec.has_mask = in.mask ? 1 : 0;
  spec.has_lengths = in.lengths ? 1 : 0;
  spec.causal = in.causal ? 1 : 0;
  if constexpr (requires { spec.fours; }) spec.fours = in_fours(p) ? 1 : 0;
  return {{in.q, in.k, in.v, in.bias ? in.bias : in.q, in.mask ? in.mask : in.q,
           in.lengths ? in.lengths : in.q, out.o, out.lse},
          {p, in.term(in.bias), in.term(in.mask), in.limits()},
          spec,
          uint64_t{4} * p.images * p.heads * p.queries * p.keys * p.width};
}

// o = softmax(q kᵀ / √width + bias + mask) v per head (Vaswani et al. 2017, eq. 1).
inline AttentionResult attention(Recorder& r, const AttentionInput& in) {
  const AttentionLayout& p = in.layout;
  in.check_layout("attention");
  in.check_terms("attention");
  const AttentionResult out{r.temporary({p.images, p.queries, p.heads * p.width}, in.q.dtype, "attention"),
                            r.temporary({p.images, p.heads, p.queries}, DType::f32, "log_sum_exp")};
  attention_kernels.dispatch(r, [&]<class K>(K) {
    return attention_call<K>(in, out, K::fitted(r.device().info(), p.width, p.queries));
  });
  return out;
}

}  // namespace fovea::ops
