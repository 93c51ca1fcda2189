// Columns of rows, joined and parted.
#pragma once

#include <fmt/format.h>

#include <initializer_list>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/sequence/copy_columns.h"

namespace fovea::ops {

template <gpu::Family F>
struct CopyColumns : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::copy_columns;
  using Push = CopyColumnsPush;
  struct Spec {
    UnitGroup group;
    uint32_t add = 0;
  };
  struct Bind {
    ReadBy<F> x;
    InOut y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.rows, 1, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
inline const BothFamilies<CopyColumns> copy_columns_kernels;

// Columns x_first … x_first + count − 1 of every row of x into those of y from y_first on, or added to them.
inline void copy_columns(Recorder& r, const Tensor& x, uint32_t x_first, uint32_t count, const Tensor& y,
                         uint32_t y_first, bool add = false) {
  const uint32_t x_row = x.shape.last(), y_row = y.shape.last();
  check(x.dtype == y.dtype && x.shape.rows() == y.shape.rows() && count != 0 &&
            uint64_t{x_first} + count <= x_row && uint64_t{y_first} + count <= y_row &&
            std::max(x.shape.elements(), y.shape.elements()) <= UINT32_MAX,
        "copy_columns", [&] {
          return fmt::format("{} columns of {} from {} to {} from {}", count, shape_of("x", x), x_first,
                             shape_of("y", y), y_first);
        });
  const bool fours = (x_row | y_row | x_first | y_first | count) % 4 == 0;
  const uint32_t unit = fours ? 4 : 1;
  UnitGroup group = unit_group(r.device().info(), fours ? count : std::min(count, 7U) | 1U);
  group.fours = fours ? 1 : 0;
  const CopyColumnsPush push{static_cast<uint32_t>(x.shape.rows()),
                             count / unit,
                             x_row / unit,
                             x_first / unit,
                             y_row / unit,
                             y_first / unit};
  copy_columns_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, y}, push, {group, add ? 1U : 0U}}; });
}

// x [1, width], so many times over: [rows, width].
inline Tensor repeat_row(Recorder& r, const Tensor& x, uint32_t rows) {
  const uint32_t width = x.shape.last();
  check(x.shape.rank() == 2 && x.shape[0] == 1 && uint64_t{rows} * width <= UINT32_MAX, "repeat_row",
        [&] { return fmt::format("{}, {} rows", shape_of("x", x), rows); });
  const Tensor y = r.temporary({rows, width}, x.dtype, "rows");
  const CopyColumnsPush push{rows, units_of(width), 0, 0, units_of(width), 0};
  copy_columns_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, y}, push, {unit_group(r.device().info(), width), 0}};
  });
  return y;
}

// Rows of several, side by side: [..., a], [..., b] → [rows, a + b].
inline Tensor join_columns(Recorder& r, std::initializer_list<Tensor> parts) {
  uint32_t width = 0;
  for (const Tensor& part : parts) width += part.shape.last();
  const Tensor& first = *parts.begin();
  const Tensor y = r.temporary({static_cast<uint32_t>(first.shape.rows()), width}, first.dtype, "joined");
  uint32_t at = 0;
  for (const Tensor& part : parts) {
    copy_columns(r, part, 0, part.shape.last(), y, at);
    at += part.shape.last();
  }
  return y;
}

// Columns of every row, by themselves: [rows, count].
inline Tensor take_columns(Recorder& r, const Tensor& x, uint32_t first, uint32_t count) {
  const Tensor y = r.temporary({static_cast<uint32_t>(x.shape.rows()), count}, x.dtype, "columns");
  copy_columns(r, x, first, count, y, 0);
  return y;
}

}  // namespace fovea::ops
