// Pooling over a sliding window.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "runtime/ops/common/window.h"
#include "shaders/conv/pool.h"

namespace fovea::ops {

enum class PoolKind : uint32_t { max, mean };

struct PoolSpec {
  UnitGroup group;
  uint32_t maximum = 1, count_pad = 0;
  uint32_t rows = 3, cols = 3;  // of the window
};

template <gpu::Family F>
struct Pool : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::pool;
  using Push = PoolPush;
  using Spec = PoolSpec;
  struct Bind {
    ReadBy<F> x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(p.units, p.out_width, p.images * p.out_height, s.group);
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      out.insert(out.end(), {{group, 1, 0, 3, 3}, {group, 0, 0, 2, 2}, {group, 0, 1, 3, 3}});
    return out;
  }
};
inline const BothFamilies<Pool> pool_kernels;

// One more position where rows or columns are left over (`ceil`), as long as it begins before the padding
// behind.
constexpr uint32_t pool_positions(uint32_t floor_positions, uint32_t size, uint32_t before, uint32_t after,
                                  uint32_t taps, const Window& w, bool ceil) {
  const uint64_t begin = uint64_t{floor_positions} * w.stride;
  const uint64_t covered = begin - w.stride + uint64_t{taps - 1} * w.dilation + 1;
  const bool left_over = covered < uint64_t{before} + size + after;
  return floor_positions + (ceil && left_over && begin < uint64_t{before} + size ? 1 : 0);
}

// x [images, height, width, channels]. The mean divides by the number of elements in the window, those in the
// padding included with `count_pad`; as in PyTorch, what `ceil` adds beyond the padding never counts.
inline Tensor pool(Recorder& r, const Tensor& x, const Window& window, PoolKind kind, bool count_pad,
                   bool ceil) {
  const auto describe = [&] { return fmt::format("{}, window {}", shape_of("x", x), to_string(window)); };
  check(x.shape.rank() == 4 && window.fits(x.shape[1], x.shape[2]), "pool", describe);
  const uint32_t images = x.shape[0], height = x.shape[1], width = x.shape[2], channels = x.shape[3];
  // Every window holds an element: padding is narrower than the window, and a mean has no gaps.
  check((kind == PoolKind::max || window.dilation == 1) &&
            std::max(window.top, window.bottom) < window.rows &&
            std::max(window.left, window.right) < window.cols,
        "pool", describe);
  const PoolPush push{.images = images,
                      .height = height,
                      .width = width,
                      .units = units_of(channels),
                      .out_height = pool_positions(window.out_rows(height), height, window.top, window.bottom,
                                                   window.rows, window, ceil),
                      .out_width = pool_positions(window.out_cols(width), width, window.left, window.right,
                                                  window.cols, window, ceil),
                      .stride = window.stride,
                      .dilation = window.dilation,
                      .top = window.top,
                      .left = window.left,
                      .bottom = window.bottom,
                      .right = window.right};
  const Tensor y = r.temporary({images, push.out_height, push.out_width, channels}, x.dtype, "pool");
  const bool maximum = kind == PoolKind::max;
  const PoolSpec spec{unit_group(r.device().info(), channels), maximum ? 1U : 0U,
                      !maximum && count_pad ? 1U : 0U, window.rows, window.cols};
  const uint64_t flops = y.shape.elements() * window.rows * window.cols;
  pool_kernels.dispatch(r, [&]<class K>(K) { return Call<K>{{x, y}, push, spec, flops}; });
  return y;
}

}  // namespace fovea::ops
