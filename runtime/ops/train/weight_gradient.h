// The gradient of a linear layer by its weight and bias.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/train/weight_gradient.h"

namespace fovea::ops {

template <gpu::Family F>
struct WeightGradient : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::weight_gradient;
  using Push = WeightGradientPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    In dy;
    Out dw, db;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.columns, 1, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<WeightGradient> weight_gradient_kernels;

// Columns `first` … of rows that lie one behind the other.
struct Columns {
  Tensor rows;
  uint32_t first = 0, count = 0;
  static Columns all(const Tensor& t) { return {t, 0, t.shape.last()}; }
};
struct LinearGradient {
  Tensor weight, bias;  // f32 [columns, inputs], [columns]
};
// Of y = x Wᵀ + b, from dy f32; x of any type.
inline LinearGradient weight_gradient(Recorder& r, const Columns& x, const Columns& dy) {
  const uint32_t x_row = x.rows.shape.last(), dy_row = dy.rows.shape.last();
  check(dy.rows.dtype == DType::f32 && x.rows.shape.rows() == dy.rows.shape.rows() && x.count != 0 &&
            dy.count != 0 && uint64_t{x.first} + x.count <= x_row &&
            uint64_t{dy.first} + dy.count <= dy_row &&
            std::max(x.rows.shape.elements(), dy.rows.shape.elements()) <= UINT32_MAX,
        "weight_gradient", [&] {
          return fmt::format("{}, {} from {}; {} {}, {} from {}", shape_of("x", x.rows), x.count, x.first,
                             shape_of("dy", dy.rows), to_string(dy.rows.dtype), dy.count, dy.first);
        });
  const LinearGradient out{r.temporary({dy.count, x.count}, DType::f32, "weight gradient"),
                           r.temporary({dy.count}, DType::f32, "bias gradient")};
  const bool fours = (x_row | x.first | x.count) % 4 == 0;
  const uint32_t unit = fours ? 4 : 1;
  UnitGroup group = unit_group(r.device().info(), fours ? x.count : 1);
  const WeightGradientPush push{static_cast<uint32_t>(x.rows.shape.rows()),
                                dy.count,
                                x.count / unit,
                                dy_row,
                                dy.first,
                                x_row / unit,
                                x.first / unit};
  group.fours = fours ? 1 : 0;
  weight_gradient_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{
        {x.rows, dy.rows, out.weight, out.bias}, push, group, 2 * x.rows.shape.rows() * dy.count * x.count};
  });
  return out;
}

}  // namespace fovea::ops
