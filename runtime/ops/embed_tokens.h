// Prefix tokens (class, distillation, registers) and position embeddings around patch tokens.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/check.h"
#include "runtime/recorder.h"
#include "shaders/embed_tokens.h"

namespace fovea::ops {

struct EmbedTokens {
  static constexpr const gpu::Shader& shader = shaders::embed_tokens;
  using Push = EmbedTokensPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In x, table;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.width, s.group), p.tokens, p.images}; }
};
inline const KernelRegistration<EmbedTokens> register_embed_tokens;

// x [images, patches, width] and table [prefix + patches, width] f32 → [images, prefix + patches, width].
inline Tensor embed_tokens(Recorder& r, const Tensor& x, const Tensor& table, uint32_t prefix) {
  check(x.shape.rank() == 3 && table.shape == Shape{x.shape[1] + prefix, x.shape[2]} &&
            table.dtype == DType::f32,
        "embed_tokens",
        [&] { return fmt::format("{}, {}, prefix {}", shape_of("x", x), shape_of("table", table), prefix); });
  const Tensor y = r.temporary({x.shape[0], table.shape[0], x.shape[2]}, x.dtype, "tokens");
  r.dispatch<EmbedTokens>({x, table, y}, {x.shape[0], table.shape[0], prefix, x.shape[2]});
  return y;
}

}  // namespace fovea::ops
