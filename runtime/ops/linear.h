// Linear layers with fused bias, activation, layer scale and residual.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/check.h"
#include "runtime/recorder.h"
#include "shaders/linear.h"

namespace fovea::ops {

// What happens to a sum before it is stored; specialisation constants of all kernels that end so, in this
// order.
struct LinearEpilogue {
  uint32_t activation = 0, has_bias = 0, has_scale = 0, has_residual = 0, final = 0;
};

struct LinearTiled {
  static constexpr const gpu::Shader& shader = shaders::linear_tiled;
  using Push = LinearPush;
  struct Spec {
    uint32_t group = 128, tile_m = 64, tile_n = 64, rows = 8, fours = 1;
    LinearEpilogue epilogue;
  };
  struct Bind {
    In x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.n, s.tile_n), groups(p.m, s.tile_m), 1}; }
  // Tiles that fit the device, to choose from by measurement.
  static std::vector<Spec> tiles(const DeviceInfo& device);
  // Those with every epilogue that models use.
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const KernelRegistration<LinearTiled> register_linear_tiled;

struct LinearTexel {
  static constexpr const gpu::Shader& shader = shaders::linear_texel;
  using Push = LinearPush;
  struct Spec {
    uint32_t group = 8, lanes = 8;
    LinearEpilogue epilogue;
  };
  struct Bind {
    Texel x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.columns4, s.group), groups(p.m, 16), 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const KernelRegistration<LinearTexel> register_linear_texel;

// Weights as the kernels read them: Wᵀ, columns padded with zeros to a multiple of four.
struct LinearWeights {
  Tensor w;     // [inputs, columns rounded up to fours], storage type
  Tensor bias;  // [columns rounded up], f32; empty without bias
  uint32_t columns = 0;
};

// weight [columns, inputs], as checkpoints hold it → [inputs, columns rounded up to fours].
std::vector<float> pack_linear(std::span<const float> weight, uint32_t columns, uint32_t inputs);
std::vector<float> pad_to_fours(std::span<const float> values);

struct LinearOptions {
  Activation activation = Activation::none;
  Tensor scale{};     // [columns rounded up], f32
  Tensor residual{};  // as y
  Activation final = Activation::none;
};

// y = final(residual + scale ⊙ act(x Wᵀ + bias)), x [..., inputs] → [..., columns].
Tensor linear(Recorder& r, const Tensor& x, const LinearWeights& weights, const LinearOptions& options = {});

}  // namespace fovea::ops
