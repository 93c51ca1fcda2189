// LayerNorm over the last dimension.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/nn/layer_norm.h"

namespace fovea::ops {

struct LayerNorm {
  static constexpr const gpu::Shader& shader = shaders::layer_norm;
  using Push = LayerNormPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In x, gamma, beta;
    Out y;
  };
  static Grid grid(const Push& p, const Spec&) {
    const uint32_t wide = p.rows < 65535 ? p.rows : 65535;
    return {wide, groups(p.rows, wide), 1};
  }
};
inline const KernelRegistration<LayerNorm> register_layer_norm;

struct LayerNormTexel {
  static constexpr const gpu::Shader& shader = shaders::layer_norm_texel;
  using Push = LayerNormPush;
  struct Spec {
    uint32_t group = 8;
  };
  struct Bind {
    Texel x, gamma, beta;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.rows, s.group), 1, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    if (!prefers_texels(device)) return {};
    return {Spec{}};
  }
};
inline const KernelRegistration<LayerNormTexel> register_layer_norm_texel;

// Which rows of x and y: see LayerNormPush.
struct RowLayout {
  uint32_t outer = 0, inner = 0, first = 0;  // elements
};

// y[r] = (x[r] − mean) / √(variance + epsilon) · gamma + beta over rows of gamma's width. gamma, beta: f32.
// Rows are addressed as LayerNormPush says; x and y may be the same tensor.
inline void layer_norm_rows(Recorder& r, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                            float epsilon, const Tensor& y, uint32_t rows, uint32_t inner,
                            const RowLayout& from, const RowLayout& to) {
  const uint32_t width = gamma.shape.last();
  check(gamma.shape == beta.shape && gamma.dtype == DType::f32 && beta.dtype == DType::f32 &&
            x.dtype == y.dtype,
        "layer_norm", [&] {
          return fmt::format("{}, {}, {} {}", shape_of("x", x), shape_of("gamma", gamma),
                             shape_of("beta", beta), to_string(beta.dtype));
        });
  const auto last_of = [&](const RowLayout& l) {
    return uint64_t{l.first} + uint64_t{(rows - 1) / inner} * l.outer +
           uint64_t{std::min(rows, inner) - 1} * l.inner + width;
  };
  check(rows != 0 && inner != 0 && last_of(from) <= x.shape.elements() && last_of(to) <= y.shape.elements(),
        "layer_norm", [&] {
          return fmt::format("{} rows of {} do not lie in {} and {}", rows, width, shape_of("x", x),
                             shape_of("y", y));
        });
  const LayerNormPush push{rows,       width,    inner,    from.outer, from.inner,
                           from.first, to.outer, to.inner, to.first,   epsilon};
  const uint64_t flops = uint64_t{rows} * width * 8;
  const bool fours = (width | from.outer | from.inner | from.first | to.outer | to.inner | to.first) % 4 == 0;
  if (prefers_texels(r.device().info()) && fours &&
      x.shape.elements() / 4 <= r.device().limits().max_texel_elements)
    r.dispatch<LayerNormTexel>({x, gamma, beta, y}, push, {}, flops);
  else
    r.dispatch<LayerNorm>({x, gamma, beta, y}, push, {}, flops);
}

// Every row of x.
inline Tensor layer_norm(Recorder& r, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                         float epsilon) {
  check(x.shape.last() == gamma.shape.last(), "layer_norm",
        [&] { return fmt::format("{}, {}", shape_of("x", x), shape_of("gamma", gamma)); });
  const Tensor y = r.temporary(x.shape, x.dtype, "layer_norm");
  const RowLayout whole{x.shape.last(), 0, 0};
  layer_norm_rows(r, x, gamma, beta, epsilon, y, static_cast<uint32_t>(x.shape.rows()), 1, whole, whole);
  return y;
}

}  // namespace fovea::ops
