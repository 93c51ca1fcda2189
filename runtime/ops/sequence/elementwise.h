// Small operations of sequence models: tanh, steps first or rows first, ids to rows of a table.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/sequence/embed_ids.h"
#include "shaders/sequence/hyperbolic.h"
#include "shaders/sequence/swap_steps.h"

namespace fovea::ops {

template <gpu::Family F>
struct SwapSteps : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::swap_steps;
  using Push = SwapStepsPush;
  struct Spec {
    UnitGroup group;
    uint32_t widen = 0;
  };
  struct Bind {
    ReadBy<F> x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.outer * p.inner, 1, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
inline const BothFamilies<SwapSteps> swap_steps_kernels;

// x [outer, inner, channels] → [inner, outer, channels]; widen: f32 whatever x is.
inline Tensor swap_steps(Recorder& r, const Tensor& x, bool widen = false) {
  check(x.shape.rank() == 3 && x.shape.elements() != 0 && x.shape.elements() <= UINT32_MAX, "swap_steps",
        [&] { return shape_of("x", x); });
  const uint32_t outer = x.shape[0], inner = x.shape[1], channels = x.shape[2];
  const DType dtype = widen ? DType::f32 : x.dtype;
  const Tensor y = r.temporary({inner, outer, channels}, dtype, "swap_steps");
  swap_steps_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, y},
                   {outer, inner, units_of(channels)},
                   {unit_group(r.device().info(), channels), dtype != x.dtype ? 1U : 0U}};
  });
  return y;
}

// As f32: itself where it is.
inline Tensor widened(Recorder& r, const Tensor& x) {
  if (x.dtype == DType::f32) return x;
  const auto rows = static_cast<uint32_t>(x.shape.rows());
  return swap_steps(r, x.reshaped({1, rows, x.shape.last()}), true).reshaped(x.shape);
}

template <gpu::Family F>
struct Hyperbolic : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::hyperbolic;
  using Push = HyperbolicPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.rows, 1, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<Hyperbolic> hyperbolic_kernels;

template <gpu::Family F>
struct HyperbolicBackward : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::hyperbolic_backward;
  using Push = HyperbolicPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> y, dy;
    Out dx;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.rows, 1, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<HyperbolicBackward> hyperbolic_backward_kernels;

// tanh(x).
inline Tensor hyperbolic(Recorder& r, const Tensor& x) {
  check(x.shape.elements() != 0 && x.shape.elements() <= UINT32_MAX, "hyperbolic",
        [&] { return shape_of("x", x); });
  const uint32_t channels = x.shape.last();
  const Tensor y = r.temporary(x.shape, x.dtype, "tanh");
  const HyperbolicPush push{static_cast<uint32_t>(x.shape.rows()), units_of(channels)};
  hyperbolic_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, y}, push, unit_group(r.device().info(), channels), 8 * x.shape.elements()};
  });
  return y;
}

// The gradient by x, f32, of y = tanh(x).
inline Tensor hyperbolic_backward(Recorder& r, const Tensor& y, const Tensor& dy) {
  check(dy.dtype == DType::f32 && dy.shape.elements() == y.shape.elements(), "hyperbolic_backward",
        [&] { return fmt::format("{}, {} {}", shape_of("y", y), shape_of("dy", dy), to_string(dy.dtype)); });
  const uint32_t channels = y.shape.last();
  const Tensor dx = r.temporary(y.shape, DType::f32, "gradient of tanh");
  const HyperbolicPush push{static_cast<uint32_t>(y.shape.rows()), units_of(channels)};
  hyperbolic_backward_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{y, dy, dx}, push, unit_group(r.device().info(), channels), 3 * y.shape.elements()};
  });
  return dx;
}

template <gpu::Family F>
struct EmbedIds : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::embed_ids;
  using Push = EmbedIdsPush;
  using Spec = UnitGroup;
  struct Bind {
    In ids;
    ReadBy<F> table;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.steps * p.batch, 1, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<EmbedIds> embed_ids_kernels;

template <gpu::Family F>
struct EmbedIdsBackward : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::embed_ids_backward;
  using Push = EmbedIdsPush;
  using Spec = UnitGroup;
  struct Bind {
    In ids;
    ReadBy<F> dy;
    Out dtable;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.entries, 1, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<EmbedIdsBackward> embed_ids_backward_kernels;

// ids u32 [batch, steps], table [entries, channels] → [steps, batch, channels]; zeros for ids beyond the
// table.
inline Tensor embed_ids(Recorder& r, const Tensor& ids, const Tensor& table) {
  check(ids.shape.rank() == 2 && ids.dtype == DType::u32 && ids.shape.elements() != 0 &&
            table.shape.rank() == 2,
        "embed_ids", [&] {
          return fmt::format("{} {}, {}", shape_of("ids", ids), to_string(ids.dtype),
                             shape_of("table", table));
        });
  const uint32_t batch = ids.shape[0], steps = ids.shape[1], channels = table.shape[1];
  const Tensor y = r.temporary({steps, batch, channels}, table.dtype, "embedding");
  const EmbedIdsPush push{batch, steps, table.shape[0], units_of(channels)};
  embed_ids_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{ids, table, y}, push, unit_group(r.device().info(), channels)};
  });
  return y;
}

// The gradient by a table of so many entries, f32, from dy f32 [steps, batch, channels].
inline Tensor embed_ids_backward(Recorder& r, const Tensor& ids, const Tensor& dy, uint32_t entries) {
  check(ids.shape.rank() == 2 && ids.dtype == DType::u32 && dy.dtype == DType::f32 && dy.shape.rank() == 3 &&
            dy.shape[0] == ids.shape[1] && dy.shape[1] == ids.shape[0],
        "embed_ids_backward",
        [&] { return fmt::format("{}, {}", shape_of("ids", ids), shape_of("dy", dy)); });
  const uint32_t channels = dy.shape[2];
  const Tensor dtable = r.temporary({entries, channels}, DType::f32, "gradient of embedding");
  const EmbedIdsPush push{ids.shape[0], ids.shape[1], entries, units_of(channels)};
  embed_ids_backward_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{ids, dy, dtable}, push, unit_group(r.device().info(), channels)};
  });
  return dtable;
}

}  // namespace fovea::ops
