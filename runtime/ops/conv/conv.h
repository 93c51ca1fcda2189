// Convolutions, dense, grouped and depthwise, with the epilogue of linear layers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/common/window.h"
#include "runtime/ops/nn/linear.h"
#include "runtime/record/recorder.h"
#include "shaders/conv/conv.h"

namespace fovea::ops {

// Workgroups of the kernels that are products of matrices: columns of a group by output pixels. Pixels may be
// more tiles than one dimension of a grid holds.
inline Grid product_grid(const ConvPush& p, uint32_t columns, uint32_t rows) {
  const uint32_t tiles = groups(uint64_t{p.images} * p.out_height * p.out_width, rows),
                 layers = groups(tiles, 32768);
  return {groups(groups(p.columns, p.groups), columns) * p.groups, groups(tiles, layers), layers};
}

// Whether a lane has whole fours of a group's columns, so that a convolution is a product of matrices.
constexpr bool is_product(const ConvPush& p) {
  return p.groups == 1 || p.columns / p.groups % 4 == 0;
}
// The linear layer of the same size.
LinearPush product_of(const ConvPush& p);

struct ConvTiled {
  static constexpr const gpu::Shader& shader = shaders::conv_tiled;
  using Push = ConvPush;
  struct Spec {
    SharedTile tile;
    uint32_t fours = 1;
    LinearEpilogue epilogue;
  };
  struct Bind {
    In x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return product_grid(p, s.tile.columns, s.tile.rows); }
  static Spec fitted(const Recorder& r, const Push& p, DType dtype, const LinearEpilogue& epilogue);
  static std::vector<Spec> variants(const DeviceInfo& device);
};

struct ConvTexel {
  static constexpr const gpu::Shader& shader = shaders::conv_texel;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = ConvPush;
  struct Spec {
    TexelTile tile;
    uint32_t fours = 1;
    LinearEpilogue epilogue;
  };
  struct Bind {
    Texel x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return product_grid(p, 4 * s.tile.columns, s.tile.rows());
  }
  static bool suits(const Push& p, const Spec& s) {
    return p.inputs / p.groups % 4 == 0 && (s.fours != 0 || s.epilogue.has_residual == 0);
  }
  static Spec fitted(const Recorder& r, const Push& p, DType dtype, const LinearEpilogue& epilogue);
  static std::vector<Spec> variants(const DeviceInfo& device);
};

// What a lane of a depthwise kernel computes, and the window.
struct DepthwiseSpec {
  uint32_t group = 64, run = 4, down = 1, rows = 3, cols = 3, stride = 1;
  LinearEpilogue epilogue;
  static DepthwiseSpec fitted(gpu::Family family, const ConvPush& p, const LinearEpilogue& epilogue);
  static std::vector<DepthwiseSpec> variants(gpu::Family family);
};

template <gpu::Family F>
struct Depthwise {
  static constexpr const gpu::Shader& shader = shaders::depthwise;
  static constexpr gpu::Family family = F;
  using Push = ConvPush;
  using Spec = DepthwiseSpec;
  struct Bind {
    ReadBy<F> x, w, bias, scale, residual;
    Out y;
  };
  static constexpr uint32_t most_taps = 49;  // all are unrolled
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(uint64_t{groups(p.out_width, s.run)} * p.columns4, s.group), groups(p.out_height, s.down),
            p.images};
  }
  static bool suits(const Push& p, const Spec&) {
    return p.groups == p.inputs && p.groups == p.columns && p.columns % 4 == 0 && p.groups != 1 &&
           uint64_t{p.window_height} * p.window_width <= most_taps;
  }
  static Spec fitted(const Recorder&, const Push& p, DType, const LinearEpilogue& epilogue) {
    return Spec::fitted(F, p, epilogue);
  }
  static std::vector<Spec> variants(const DeviceInfo&) { return Spec::variants(F); }
};

struct ConvDirect {
  static constexpr const gpu::Shader& shader = shaders::conv_direct;
  using Push = ConvPush;
  struct Spec {
    uint32_t group = 64;
    LinearEpilogue epilogue;
  };
  struct Bind {
    In x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(uint64_t{p.out_width} * p.columns4, s.group), p.out_height, p.images};
  }
  static bool suits(const Push& p, const Spec&) { return !is_product(p); }
  static Spec fitted(const Recorder&, const Push&, DType, const LinearEpilogue& epilogue) {
    return {64, epilogue};
  }
};
// What is left to ConvTiled is worth measuring its tiles.
inline const Candidates<Depthwise<gpu::Family::texel>, Depthwise<gpu::Family::buffer>, ConvDirect, ConvTexel,
                        ConvTiled>
    conv_kernels;

// Weights as the kernels read them: for each tap of the window and each input of a group, all columns.
struct ConvWeights {
  Tensor w;     // [rows * cols * inputs / groups, columns rounded up to fours], storage type
  Tensor bias;  // [columns rounded up], f32; empty without bias
  uint32_t inputs = 0, columns = 0, groups = 1;
  Window window;
};

// weight [columns, inputs of a group, rows, cols], as checkpoints hold it → [rows * cols * inputs_padded,
// columns rounded up to fours]; inputs from `inputs` to `inputs_padded` are zero.
std::vector<float> pack_conv(std::span<const float> weight, uint32_t columns, uint32_t inputs,
                             uint32_t inputs_padded, const Window& window);

// y = final(residual + scale ⊙ act(x ∗ W + bias)), x [images, height, width, inputs] → [images, rows, cols,
// columns].
Tensor conv(Recorder& r, const Tensor& x, const ConvWeights& weights, const LinearOptions& options = {});

}  // namespace fovea::ops
