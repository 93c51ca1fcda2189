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
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const KernelRegistration<ConvTiled> register_conv_tiled;

struct ConvTexel {
  static constexpr const gpu::Shader& shader = shaders::conv_texel;
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
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const KernelRegistration<ConvTexel> register_conv_texel;

// Of both depthwise kernels: what a lane computes, and the window.
struct DepthwiseSpec {
  uint32_t group = 64, run = 4, down = 1, rows = 3, cols = 3, stride = 1;
  LinearEpilogue epilogue;
};
inline Grid depthwise_grid(const ConvPush& p, const DepthwiseSpec& s) {
  return {groups(uint64_t{groups(p.out_width, s.run)} * p.columns4, s.group), groups(p.out_height, s.down),
          p.images};
}

struct DepthwiseTexel {
  static constexpr const gpu::Shader& shader = shaders::depthwise_texel;
  using Push = ConvPush;
  using Spec = DepthwiseSpec;
  struct Bind {
    Texel x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return depthwise_grid(p, s); }
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const KernelRegistration<DepthwiseTexel> register_depthwise_texel;

struct Depthwise {
  static constexpr const gpu::Shader& shader = shaders::depthwise;
  using Push = ConvPush;
  using Spec = DepthwiseSpec;
  struct Bind {
    In x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return depthwise_grid(p, s); }
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const KernelRegistration<Depthwise> register_depthwise;

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
};
inline const KernelRegistration<ConvDirect> register_conv_direct;

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
