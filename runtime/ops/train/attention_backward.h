// The gradient of fused attention by queries, keys and values.
#pragma once

#include "generated/shaders.h"
#include "runtime/ops/attention/attention.h"
#include "shaders/train/attention_backward.h"

namespace fovea::ops {

struct AttentionBackward {
  static constexpr const gpu::Shader& shader = shaders::attention_backward;
  using Push = AttentionBackwardPush;
  struct Spec {
    uint32_t group = 64, own = 16, other = 16, width = 64, own_keys = 0, has_bias = 0, has_mask = 0;
    uint32_t shared_bytes() const { return 8 * (own + other) * width + 8 * own * (other + 1); }
  };
  struct Bind {
    In q, k, v, bias, mask, o, d_o, lse;
    InOut delta;
    Out dqkv;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(s.own_keys != 0 ? p.a.keys : p.a.queries, s.own), p.a.heads, p.a.images};
  }
  // The largest tiles that fit the device's shared memory, for a head of `width` channels.
  static Spec fitted(const DeviceInfo& device, uint32_t width) {
    const uint32_t padded = (width + 15) / 16 * 16;
    for (const Spec s : {Spec{128, 32, 32, padded}, Spec{64, 16, 32, padded}, Spec{64, 16, 16, padded},
                         Spec{32, 8, 16, padded}, Spec{16, 4, 8, padded}, Spec{8, 2, 4, padded}})
      if (s.shared_bytes() <= device.shared_bytes && s.group <= device.max_invocations) return s;
    throw Error(ErrorKind::unsupported,
                error_prefix("attention_backward") +
                    fmt::format("heads of {} channels do not fit {} bytes of shared memory", width,
                                device.shared_bytes));
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const uint32_t width : attention_widths)
      for (const uint32_t own_keys : {0U, 1U}) {
        out.push_back(fitted(device, width));
        out.back().own_keys = own_keys;
        out.push_back(out.back());
        out.back().has_bias = out.back().has_mask = 1;
      }
    return out;
  }
};

struct AttentionBackwardTexel {
  static constexpr const gpu::Shader& shader = shaders::attention_backward_texel;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = AttentionBackwardPush;
  struct Spec {
    uint32_t group = 8, lanes = 8, width4 = 16, own_keys = 0, has_bias = 0, has_mask = 0;
  };
  struct Bind {
    Texel q, k, v, bias, mask, o, d_o;
    In lse;
    InOut delta;
    Out dqkv;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(s.own_keys != 0 ? p.a.keys : p.a.queries, s.group), p.a.heads, p.a.images};
  }
  static Spec fitted(const DeviceInfo& device, uint32_t width) {
    return {std::max(8U, device.subgroup_size), std::min(8U, device.subgroup_size), width / 4};
  }
  static bool suits(const Push& p, const Spec&) { return in_fours(p.a) && p.a.width <= most_texel_width; }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const uint32_t width : attention_widths)
      for (const uint32_t own_keys : {0U, 1U}) {
        out.push_back(fitted(device, width));
        out.back().own_keys = own_keys;
        out.push_back(out.back());
        out.back().has_bias = out.back().has_mask = 1;
      }
    return out;
  }
};
inline const Candidates<AttentionBackwardTexel, AttentionBackward> attention_backward_kernels;

template <class Kernel>
Call<Kernel> attention_backward_call(const AttentionInput& in, const AttentionResult& forward,
                                     const Tensor& d_o, const Tensor& delta, const Tensor& dqkv,
                                     typename Kernel::Spec spec, uint64_t flops) {
  spec.has_bias = in.bias ? 1 : 0;
  spec.has_mask = in.mask ? 1 : 0;
  return {{in.q, in.k, in.v, in.bias ? in.bias : d_o, in.mask ? in.mask : d_o, forward.o, d_o, forward.lse,
           delta, dqkv},
          {in.layout, in.term(in.bias), in.term(in.mask)},
          spec,
          flops};
}

// By queries, and by keys and values: f32, of the shapes of what these are parts of, gradients where q, k and
// v lie.
struct AttentionGradient {
  Tensor q, kv;
};

// in: queries in one tensor, keys and values in another. forward: what attention() made of them. d_o: f32, as
// forward.o.
inline AttentionGradient cross_attention_backward(Recorder& r, const AttentionInput& in,
                                                  const AttentionResult& forward, const Tensor& d_o) {
  const AttentionLayout& p = in.layout;
  in.check_layout("attention_backward");
  in.check_terms("attention_backward");
  in.check_all_seen("attention_backward");
  const uint64_t dim = uint64_t{p.heads} * p.width, queries = uint64_t{p.images} * p.queries * dim,
                 keys = uint64_t{2} * p.images * p.keys * dim;
  const bool packed = in.q.shape == in.k.shape && p.queries == p.keys && in.q.shape.elements() == 3 * queries;
  check(in.k.shape == in.v.shape &&
            (packed || (in.q.shape.elements() == queries && in.k.shape.elements() == keys)) &&
            forward.o.shape == Shape{p.images, p.queries, p.heads * p.width} &&
            forward.lse.shape == Shape{p.images, p.heads, p.queries} && d_o.dtype == DType::f32 &&
            d_o.shape == forward.o.shape,
        "attention_backward", [&] {
          return fmt::format("{}, {}, {}, {} {}, {} queries of {} heads of {}", shape_of("q", in.q),
                             shape_of("o", forward.o), shape_of("lse", forward.lse), shape_of("do", d_o),
                             to_string(d_o.dtype), p.queries, p.heads, p.width);
        });
  const Tensor delta = r.temporary(forward.lse.shape, DType::f32, "attention_backward δ");
  AttentionGradient out;
  out.q = r.temporary(in.q.shape, DType::f32, "attention_backward");
  out.kv = packed ? out.q : r.temporary(in.k.shape, DType::f32, "attention_backward keys");
  // Queries' gradients first, for the second pass reads the δ that the first writes.
  const uint64_t product = uint64_t{2} * p.images * p.heads * p.queries * p.keys * p.width;
  for (const uint32_t own_keys : {0U, 1U})
    attention_backward_kernels.dispatch(r, [&]<class K>(K) {
      typename K::Spec spec = K::fitted(r.device().info(), p.width);
      spec.own_keys = own_keys;
      return attention_backward_call<K>(in, forward, d_o, delta, own_keys == 0 ? out.q : out.kv, spec,
                                        (3 + own_keys) * product);
    });
  return out;
}

// The same of queries, keys and values that are parts of one packed tensor.
inline Tensor attention_backward(Recorder& r, const AttentionInput& in, const AttentionResult& forward,
                                 const Tensor& d_o) {
  return cross_attention_backward(r, in, forward, d_o).q;
}

}  // namespace fovea::ops
