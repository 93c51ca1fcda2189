// Prefix tokens (class, distillation, registers) and position embeddings around patch tokens.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/embed_tokens.h"

namespace fovea::ops {

template <gpu::Family F>
struct EmbedTokens : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::embed_tokens;
  using Push = EmbedTokensPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x, table;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.tokens, p.images, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<EmbedTokens> embed_tokens_kernels;

// x [images, patches, width] and table [prefix + patches, width] f32 → [images, prefix + patches, width].
inline Tensor embed_tokens(Recorder& r, const Tensor& x, const Tensor& table, uint32_t prefix) {
  check(x.shape.rank() == 3 && table.shape == Shape{x.shape[1] + prefix, x.shape[2]} &&
            table.dtype == DType::f32,
        "embed_tokens",
        [&] { return fmt::format("{}, {}, prefix {}", shape_of("x", x), shape_of("table", table), prefix); });
  const uint32_t images = x.shape[0], tokens = table.shape[0], width = x.shape[2];
  const Tensor y = r.temporary({images, tokens, width}, x.dtype, "tokens");
  const EmbedTokensPush push{images, tokens, prefix, units_of(width)};
  const UnitGroup group = unit_group(r.device().info(), width);
  embed_tokens_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, table, y}, push, group}; });
  return y;
}

}  // namespace fovea::ops
