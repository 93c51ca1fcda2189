// Rows of each image in another order: unfolding into patches or windows, shifts, padding, and back.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/common/gather_rows.h"

namespace fovea::ops {

template <gpu::Family F>
struct GatherRows : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::gather_rows;
  using Push = GatherRowsPush;
  using Spec = UnitGroup;
  struct Bind {
    ReadBy<F> x;
    In table;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.out_rows, p.images, s); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return unit_variants<F>(device, unit_group); }
};
inline const BothFamilies<GatherRows> gather_rows_kernels;

// x [images, rows, channels], table u32 [out_rows] → [images, out_rows, channels]: y[image, i] =
// x[image, table[i]], and zeros where table[i] is no row (0xffffffff by convention).
inline Tensor gather_rows(Recorder& r, const Tensor& x, const Tensor& table) {
  check(x.shape.rank() == 3 && table.shape.rank() == 1 && table.dtype == DType::u32, "gather_rows", [&] {
    return fmt::format("{}, {} {}", shape_of("x", x), shape_of("table", table), to_string(table.dtype));
  });
  const uint32_t images = x.shape[0], out_rows = table.shape[0], channels = x.shape[2];
  const Tensor y = r.temporary({images, out_rows, channels}, x.dtype, "gather_rows");
  const GatherRowsPush push{images, x.shape[1], out_rows, units_of(channels)};
  const UnitGroup group = unit_group(r.device().info(), channels);
  gather_rows_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, table, y}, push, group}; });
  return y;
}

}  // namespace fovea::ops
