// Cells that stand out of a map, smoothed away.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/maps/outlier_filter.h"

namespace fovea::ops {

struct OutlierFilter {
  static constexpr const gpu::Shader& shader = shaders::outlier_filter;
  using Push = OutlierFilterPush;
  struct Spec {
    uint32_t group = 128;  // a power of two
  };
  struct Bind {
    In x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.images, 1, 1}; }
};
inline const KernelRegistration<OutlierFilter> register_outlier_filter;

// x [images, tokens] f32 whose tokens from `first` on are a rows × cols map → [images, rows · cols]. A cell
// farther than sigma standard deviations from the mean, both over the map, becomes the median of those of its
// up to eight neighbours that are not, or the mean where there are none.
inline Tensor outlier_filter(Recorder& r, const Tensor& x, uint32_t first, uint32_t rows, uint32_t cols,
                             float sigma) {
  const uint64_t cells = uint64_t{rows} * cols;
  check(
      x.shape.rank() == 2 && x.dtype == DType::f32 && cells != 0 && first + cells <= x.shape[1] && sigma > 0,
      "outlier_filter", [&] {
        return fmt::format("{}, a map of {} × {} cells from {}, sigma {}", shape_of("x", x), rows, cols,
                           first, sigma);
      });
  const Tensor y = r.temporary({x.shape[0], static_cast<uint32_t>(cells)}, DType::f32, "outlier_filter");
  r.dispatch<OutlierFilter>({x, y}, {x.shape[0], x.shape[1], first, rows, cols, sigma}, {},
                            8 * y.shape.elements());
  return y;
}

}  // namespace fovea::ops
