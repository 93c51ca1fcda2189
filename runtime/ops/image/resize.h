// PIL's resize in two passes over 8-bit pixels, with tables made on the host.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "runtime/tune/candidates.h"
#include "shaders/image/resize.h"

namespace fovea::ops {

struct ResizeHorizontalSpec {
  uint32_t group = 64;
  uint32_t format = 0;  // fovea::PixelFormat
  uint32_t rows = 1;    // a lane
};

template <gpu::Family F>
struct ResizeHorizontal {
  static constexpr gpu::Family family = F;
  static constexpr const gpu::Shader& shader = shaders::resize_horizontal;
  using Push = ResizeHorizontalPush;
  using Spec = ResizeHorizontalSpec;
  struct Bind {
    ReadBy<F> source_blocks;
    In spans, weights;
    Out target;
  };
  static Grid grid(const Push& p, const Spec& s) { return {p.columns, groups(p.rows, s.group * s.rows), 1}; }
  // On a CPU driver loads of weights cost as much as the arithmetic of many rows.
  static Spec spec(const DeviceInfo& device, uint32_t format) {
    return device.type == DeviceType::cpu ? Spec{8, format, 32} : Spec{64, format, 1};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    return {spec(device, 0), spec(device, 1), spec(device, 2)};
  }
};
inline const BothFamilies<ResizeHorizontal> resize_horizontal_kernels;

struct ResizeVerticalSpec {
  uint32_t group = 64;
};

template <gpu::Family F>
struct ResizeVertical {
  static constexpr gpu::Family family = F;
  static constexpr const gpu::Shader& shader = shaders::resize_vertical;
  using Push = ResizeVerticalPush;
  using Spec = ResizeVerticalSpec;
  struct Bind {
    ReadBy<F> source_fours;
    In spans, weights;
    Out target;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.pitch, s.group), p.rows, 1}; }
  static Spec spec() { return {F == gpu::Family::texel ? 8U : 64U}; }
  static std::vector<Spec> variants(const DeviceInfo&) { return {spec()}; }
};
inline const BothFamilies<ResizeVertical> resize_vertical_kernels;

// Rows of packed pixels to rows of one word a pixel. source: u32 [at least source_first +
// rows, 4 · blocks of 16 bytes]; spans: u32 [columns, 4], first block, blocks, first weight / 4; weights:
// u32, 16 a block, one a byte; target: u32 [rows, pixels], of which `columns` from (first_row, first_column)
// on are written.
inline void resize_horizontal(Recorder& r, const Tensor& source, uint32_t source_first, uint32_t rows,
                              const Tensor& spans, const Tensor& weights, const Tensor& target,
                              uint32_t first_row, uint32_t first_column, uint32_t format) {
  const uint32_t columns = spans.shape[0];
  check(source.shape.rank() == 2 && source.shape[1] % 4 == 0 && source.shape.elements() <= UINT32_MAX &&
            uint64_t{source_first} + rows <= source.shape[0] && spans.shape == Shape{columns, 4} &&
            target.shape.rank() == 2 && uint64_t{first_row} + rows <= target.shape[0] &&
            uint64_t{first_column} + columns <= target.shape[1] && target.shape.elements() <= UINT32_MAX,
        "resize_horizontal", [&] {
          return fmt::format("{}, rows {} + {}, {}, {} from row {}, column {}", shape_of("source", source),
                             source_first, rows, shape_of("spans", spans), shape_of("target", target),
                             first_row, first_column);
        });
  const uint32_t pitch = target.shape[1];
  resize_horizontal_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{source, spans, weights, target},
                   {columns, rows, source.shape[1] / 4, source_first * (source.shape[1] / 4), pitch,
                    first_row * pitch + first_column},
                   K::spec(r.device().info(), format),
                   weights.shape.elements() * 2 * rows};
  });
}

// Where the picture lies in the target of resize_vertical.
struct ResizeFrame {
  uint32_t top, bottom, left, right;
  uint32_t fill;  // pixel around it
};

// Target rows [first_row, first_row + rows) from rows of one word a pixel. source: u32 [source rows, pitch],
// of which row 0 is row source_first of what spans count; spans: u32 [bottom − top, 4], first row, rows,
// first weight; target: u32 [all rows, pitch]. The pitch is a multiple of four.
inline void resize_vertical(Recorder& r, const Tensor& source, uint32_t source_first, const Tensor& spans,
                            const Tensor& weights, const Tensor& target, uint32_t first_row, uint32_t rows,
                            const ResizeFrame& frame) {
  check(source.shape.rank() == 2 && target.shape.rank() == 2 && source.shape[1] == target.shape[1] &&
            source.shape[1] % 4 == 0 && uint64_t{first_row} + rows <= target.shape[0] &&
            frame.bottom <= target.shape[0] && frame.top < frame.bottom &&
            spans.shape == Shape{frame.bottom - frame.top, 4},
        "resize_vertical", [&] {
          return fmt::format("{}, {}, {}, rows {} + {}", shape_of("source", source), shape_of("spans", spans),
                             shape_of("target", target), first_row, rows);
        });
  const ResizeVerticalPush push{.pitch = source.shape[1] / 4,
                                .rows = rows,
                                .source_first = source_first,
                                .target_first = first_row,
                                .top = frame.top,
                                .bottom = frame.bottom,
                                .left = frame.left,
                                .right = frame.right,
                                .fill = frame.fill};
  const uint64_t flops = weights.shape.elements() * 6 * source.shape[1];
  resize_vertical_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{source, spans, weights, target}, push, K::spec(), flops};
  });
}

}  // namespace fovea::ops
