// Convolutions, dense, grouped and depthwise, with the epilogue of linear layers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/linear.h"
#include "runtime/ops/window.h"
#include "runtime/recorder.h"
#include "shaders/conv.h"

namespace fovea::ops {

struct ConvDirect {
  static constexpr const gpu::Shader& shader = shaders::conv_direct;
  using Push = ConvPush;
  struct Spec {
    uint32_t group = 64, mixed = 1;
    LinearEpilogue epilogue;
  };
  struct Bind {
    In x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(uint64_t{p.out_width} * p.columns4, s.group), p.out_height, p.images};
  }
  static std::vector<Spec> variants(const DeviceInfo&) { return {{64, 1, {}}, {64, 0, {}}}; }
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
