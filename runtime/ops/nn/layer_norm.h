// LayerNorm over the last dimension.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "runtime/tune/candidates.h"
#include "shaders/nn/layer_norm.h"

namespace fovea::ops {

// Whether rows and their parts begin at multiples of four elements.
constexpr bool in_fours(const LayerNormPush& p) {
  return (p.width | p.x_outer | p.x_inner | p.x_first | p.y_outer | p.y_inner | p.y_first) % 4 == 0;
}

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

struct LayerNormTexel {
  static constexpr const gpu::Shader& shader = shaders::layer_norm_texel;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = LayerNormPush;
  struct Spec {
    uint32_t group = 8;
  };
  struct Bind {
    Texel x, gamma, beta;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.rows, s.group), 1, 1}; }
  static bool suits(const Push& p, const Spec&) { return in_fours(p); }
};
inline const Candidates<LayerNormTexel, LayerNorm> layer_norm_kernels;

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
  const LayerNormPush push{.rows = rows,
                           .width = width,
                           .inner = inner,
                           .x_outer = from.outer,
                           .x_inner = from.inner,
                           .x_first = from.first,
                           .y_outer = to.outer,
                           .y_inner = to.inner,
                           .y_first = to.first,
                           .epsilon = epsilon};
  const uint64_t flops = uint64_t{rows} * width * 8;
  layer_norm_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, gamma, beta, y}, push, {}, flops}; });
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
