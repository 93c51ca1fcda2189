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
#include "shaders/attention/attention.h"

namespace fovea::ops {

// Every width of models that we know, without additive terms and with both.
template <class Kernel>
std::vector<typename Kernel::Spec> attention_variants(const DeviceInfo& device) {
  std::vector<typename Kernel::Spec> out;
  for (const uint32_t width : {16U, 32U, 64U, 80U, 128U})
    for (const uint32_t terms : {0U, 1U}) {
      out.push_back(Kernel::fitted(device, width));
      out.back().has_bias = out.back().has_mask = terms;
    }
  return out;
}

struct AttentionTiled {
  static constexpr const gpu::Shader& shader = shaders::attention_tiled;
  using Push = AttentionPush;
  struct Spec {
    uint32_t group = 64, queries = 16, keys = 32, width = 64;
    uint32_t has_bias = 0, has_mask = 0;
    uint32_t shared_bytes() const { return 4 * ((queries + keys) * width + queries * (keys + 1)); }
  };
  struct Bind {
    In q, k, v, bias, mask;
    Out o, lse;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.a.queries, s.queries), p.a.heads, p.a.images};
  }
  // The largest tiles that fit the device's shared memory, for a head of `width` channels.
  static Spec fitted(const DeviceInfo& device, uint32_t width);
  static std::vector<Spec> variants(const DeviceInfo& device) {
    return attention_variants<AttentionTiled>(device);
  }
};
inline const KernelRegistration<AttentionTiled> register_attention_tiled;

struct AttentionTexel {
  static constexpr const gpu::Shader& shader = shaders::attention_texel;
  using Push = AttentionPush;
  struct Spec {
    uint32_t group = 8, lanes = 8, width4 = 16, queries = 1;
    uint32_t has_bias = 0, has_mask = 0;
  };
  struct Bind {
    Texel q, k, v, bias, mask;
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
  static std::vector<Spec> variants(const DeviceInfo& device) {
    if (!prefers_texels(device)) return {};
    return attention_variants<AttentionTexel>(device);
  }
};
inline const KernelRegistration<AttentionTexel> register_attention_texel;

inline AttentionTiled::Spec AttentionTiled::fitted(const DeviceInfo& device, uint32_t width) {
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
  // i % any. −∞, and all below −10³⁰, means a key that is not seen; each row must see one.
  Tensor bias{}, mask{};

  // qkv [images, tokens, 3, heads * width], as one linear writes it.
  static AttentionInput packed(const Tensor& qkv, uint32_t heads) {
    const uint32_t tokens = qkv.shape[1], row = qkv.shape[2], dim = row / 3;
    check(qkv.shape.rank() == 3 && heads != 0 && row % (3 * heads) == 0, "attention",
          [&] { return fmt::format("{}, heads {}", shape_of("qkv", qkv), heads); });
    const uint32_t width = dim / heads;
    return {qkv,
            qkv,
            qkv,
            {qkv.shape[0], tokens, tokens, heads, width, 0, tokens * row, row, dim, 2 * dim, tokens * row,
             row, 1.0F / std::sqrt(static_cast<float>(width))}};
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
  static LogitTerm term(const Tensor& t) { return t ? LogitTerm{t.shape[0], t.shape[1]} : LogitTerm{1, 1}; }
  void check_terms(const char* operation) const {
    for (const auto& [name, t] : {std::pair{"bias", bias}, std::pair{"mask", mask}})
      check(!t || (t.dtype == DType::f32 && t.shape.rank() == 4 && t.shape[0] != 0 &&
                   (t.shape[1] == 1 || t.shape[1] == layout.heads) && t.shape[2] == layout.queries &&
                   t.shape[3] == (layout.keys + 3) / 4 * 4),
            operation, [&, name = name, t = t] {
              return fmt::format("{} {}, not f32 [any, 1 or {}, {}, {}]", shape_of(name, t),
                                 to_string(t.dtype), layout.heads, layout.queries,
                                 (uint64_t{layout.keys} + 3) / 4 * 4);
            });
  }
};

struct AttentionResult {
  Tensor o;    // [images, queries, heads * width]
  Tensor lse;  // [images, heads, queries], f32
};

template <class Kernel>
void dispatch_attention(Recorder& r, const AttentionInput& in, const AttentionResult& out,
                        typename Kernel::Spec spec) {
  const AttentionLayout& p = in.layout;
  spec.has_bias = in.bias ? 1 : 0;
  spec.has_mask = in.mask ? 1 : 0;
  r.dispatch<Kernel>({in.q, in.k, in.v, in.bias ? in.bias : in.q, in.mask ? in.mask : in.q, out.o, out.lse},
                     {p, in.term(in.bias), in.term(in.mask)}, spec,
                     uint64_t{4} * p.images * p.heads * p.queries * p.keys * p.width);
}

// o = softmax(q kᵀ / √width + bias + mask) v per head (Vaswani et al. 2017, eq. 1).
inline AttentionResult attention(Recorder& r, const AttentionInput& in) {
  const AttentionLayout& p = in.layout;
  in.check_layout("attention");
  in.check_terms("attention");
  const AttentionResult out{r.temporary({p.images, p.queries, p.heads * p.width}, in.q.dtype, "attention"),
                            r.temporary({p.images, p.heads, p.queries}, DType::f32, "log_sum_exp")};
  const DeviceInfo& device = r.device().info();
  const uint64_t texels = r.device().limits().max_texel_elements;
  const bool fours =
      (p.width | p.q_first | p.q_image | p.q_token | p.k_first | p.v_first | p.kv_image | p.kv_token) % 4 ==
      0;
  const bool fits = std::max({in.q.shape.elements(), in.k.shape.elements(), in.v.shape.elements(),
                              in.bias.shape.elements(), in.mask.shape.elements()}) /
                        4 <=
                    texels;
  if (prefers_texels(device) && fours && fits && p.width <= 128)
    dispatch_attention<AttentionTexel>(r, in, out, AttentionTexel::fitted(device, p.width, p.queries));
  else
    dispatch_attention<AttentionTiled>(r, in, out, AttentionTiled::fitted(device, p.width));
  return out;
}

}  // namespace fovea::ops
