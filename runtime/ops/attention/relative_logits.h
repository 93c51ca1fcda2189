// The bias of attention by relative position on a grid, from the queries (Srinivas et al. 2021, fig. 4).
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/attention/attention.h"
#include "shaders/attention/relative_logits.h"

namespace fovea::ops {

struct RelativeLogits {
  static constexpr const gpu::Shader& shader = shaders::relative_logits;
  using Push = RelativeLogitsPush;
  struct Spec {
    uint32_t group = 64, reach = 64;
  };
  struct Bind {
    In q;
    Texel width_rel, height_rel;
    Out logits;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.a.queries, p.a.heads, p.a.images}; }
};
inline const KernelRegistration<RelativeLogits> register_relative_logits;

// For queries and keys on the same grid, row by row: width_rel [2 cols − 1, width] and height_rel [2 rows −
// 1, width], f32 → [images, heads, queries, keys rounded up to 4], as AttentionInput::bias wants it. Not
// scaled.
inline Tensor relative_logits(Recorder& r, const AttentionInput& in, const Tensor& width_rel,
                              const Tensor& height_rel) {
  const AttentionLayout& p = in.layout;
  const auto fits = [&](const Tensor& table) {
    return table.dtype == DType::f32 && table.shape.rank() == 2 && table.shape[0] % 2 == 1 &&
           table.shape[1] == p.width;
  };
  const uint64_t cols = (uint64_t{width_rel.shape[0]} + 1) / 2,
                 rows = (uint64_t{height_rel.shape[0]} + 1) / 2;
  check(fits(width_rel) && fits(height_rel) && p.queries == p.keys && rows * cols == p.queries,
        "relative_logits", [&] {
          return fmt::format("{}, {} for {} queries and {} keys of {} channels",
                             shape_of("width_rel", width_rel), shape_of("height_rel", height_rel), p.queries,
                             p.keys, p.width);
        });
  check((p.width | p.q_first | p.q_image | p.q_token) % 4 == 0, "relative_logits",
        [&] { return fmt::format("heads of {} channels are not a multiple of four", p.width); });
  in.check_layout("relative_logits");
  const auto reach = static_cast<uint32_t>(rows + cols);
  if (4 * reach > r.device().info().shared_bytes)
    throw Error(ErrorKind::unsupported,
                error_prefix("relative_logits") +
                    fmt::format("a grid of {} × {} does not fit {} bytes of shared memory", rows, cols,
                                r.device().info().shared_bytes));
  const Tensor out =
      r.temporary({p.images, p.heads, p.queries, (p.keys + 3) / 4 * 4}, DType::f32, "relative_logits");
  r.dispatch<RelativeLogits>({in.q, width_rel, height_rel, out},
                             {p, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols)}, {64, reach},
                             uint64_t{2} * p.images * p.heads * p.queries * reach * p.width);
  return out;
}

}  // namespace fovea::ops
