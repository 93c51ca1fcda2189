// The gradient of LayerNorm by its input. Gradients are f32 whatever the storage type: they are too small for
// fp16.
#pragma once

#include "runtime/ops/nn/layer_norm.h"

namespace fovea::ops {

struct LayerNormBackwardSpec {
  uint32_t group = 64, has_residual = 0, held = 0;
};

struct LayerNormBackward {
  static constexpr const gpu::Shader& shader = shaders::layer_norm_backward;
  using Push = LayerNormPush;
  using Spec = LayerNormBackwardSpec;
  struct Bind {
    In x, gamma, dy, residual;
    Out dx;
  };
  static Grid grid(const Push& p, const Spec&) {
    const uint32_t wide = p.rows < 65535 ? p.rows : 65535;
    return {wide, groups(p.rows, wide), 1};
  }
  static std::vector<Spec> variants(const DeviceInfo&) { return {{64, 0, 0}, {64, 1, 0}, {64, 0, 1}}; }
};

struct LayerNormBackwardTexel {
  static constexpr const gpu::Shader& shader = shaders::layer_norm_backward_texel;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = LayerNormPush;
  struct Spec {
    uint32_t group = 8, has_residual = 0, held = 0;
  };
  struct Bind {
    Texel x, gamma, dy, residual;
    Out dx;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.rows, s.group), 1, 1}; }
  static bool suits(const Push& p, const Spec&) { return in_fours(p); }
  static std::vector<Spec> variants(const DeviceInfo&) { return {{8, 0, 0}, {8, 1, 0}, {8, 0, 1}}; }
};
inline const Candidates<LayerNormBackwardTexel, LayerNormBackward> layer_norm_backward_kernels;

struct LayerNormGradient {
  Tensor x, gamma;  // of the forward pass
  float epsilon = 0;
  Tensor dy;          // f32
  Tensor residual{};  // as dy; added to the result
  bool held = false;  // mean and deviation count as constants
};

// dx for `rows` rows of gamma's width, f32: rows of x as `from` says, those of dy, residual and dx as `to`
// does. dx may be dy.
inline void layer_norm_backward_rows(Recorder& r, const LayerNormGradient& g, const Tensor& dx, uint32_t rows,
                                     uint32_t inner, const RowLayout& from, const RowLayout& to) {
  const uint32_t width = g.gamma.shape.last();
  const auto last_of = [&](const RowLayout& l) {
    return uint64_t{l.first} + uint64_t{(rows - 1) / inner} * l.outer +
           uint64_t{std::min(rows, inner) - 1} * l.inner + width;
  };
  const uint64_t elements = dx.shape.elements();
  check(g.gamma.dtype == DType::f32 && g.dy.dtype == DType::f32 && dx.dtype == DType::f32 &&
            g.dy.shape.elements() == elements &&
            (!g.residual || (g.residual.dtype == DType::f32 && g.residual.shape.elements() == elements)) &&
            rows != 0 && inner != 0 && last_of(from) <= g.x.shape.elements() && last_of(to) <= elements,
        "layer_norm_backward", [&] {
          return fmt::format("{} rows of {} in {}, {} {}, {}", rows, width, shape_of("x", g.x),
                             shape_of("dy", g.dy), to_string(g.dy.dtype), shape_of("residual", g.residual));
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
                           .epsilon = g.epsilon};
  const uint64_t flops = uint64_t{rows} * width * 16;
  const Tensor& residual = g.residual ? g.residual : g.dy;
  const uint32_t has_residual = g.residual ? 1 : 0, held = g.held ? 1 : 0;
  layer_norm_backward_kernels.dispatch(r, [&]<class K>(K) {
    const typename K::Spec spec{.has_residual = has_residual, .held = held};
    return Call<K>{{g.x, g.gamma, g.dy, residual, dx}, push, spec, flops};
  });
}

// Every row of x; dy and the result are of its shape.
inline Tensor layer_norm_backward(Recorder& r, const LayerNormGradient& g) {
  check(g.x.shape == g.dy.shape && g.x.shape.last() == g.gamma.shape.last(), "layer_norm_backward", [&] {
    return fmt::format("{}, {}, {}", shape_of("x", g.x), shape_of("gamma", g.gamma), shape_of("dy", g.dy));
  });
  const Tensor dx = r.temporary(g.dy.shape, DType::f32, "layer_norm_backward");
  const RowLayout whole{g.x.shape.last(), 0, 0};
  layer_norm_backward_rows(r, g, dx, static_cast<uint32_t>(g.x.shape.rows()), 1, whole, whole);
  return dx;
}

}  // namespace fovea::ops
