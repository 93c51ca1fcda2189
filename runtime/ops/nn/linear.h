// Linear layers with fused bias, activation, layer scale and residual.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/ops/nn/activation.h"
#include "runtime/record/recorder.h"
#include "runtime/tune/candidates.h"
#include "shaders/nn/linear.h"

namespace fovea::ops {

// What happens to a sum before it is stored; specialisation constants of all kernels that end so, in this
// order.
struct LinearEpilogue {
  uint32_t activation = 0, has_bias = 0, has_scale = 0, has_residual = 0, final = 0;
};

// How a workgroup divides the result where shaders/common/tile_shared.glsl does the work.
struct SharedTile {
  uint32_t group = 128, rows = 64, columns = 64, own_rows = 8;
  // The same tile where a thread has four columns and no more, for kernels that need the registers.
  constexpr SharedTile of_four_columns() const {
    return {group, rows, columns, rows * columns / (4 * group)};
  }
  // Those that fit the device, to choose from by measurement.
  static std::vector<SharedTile> candidates(const DeviceInfo& device);
};

struct LinearTiled {
  static constexpr const gpu::Shader& shader = shaders::linear_tiled;
  using Push = LinearPush;
  struct Spec {
    SharedTile tile;
    uint32_t fours = 1;
    LinearEpilogue epilogue;
  };
  struct Bind {
    In x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.n, s.tile.columns), groups(p.m, s.tile.rows), 1};
  }
  // With the tile that is fastest on the device, measured at first use.
  static Spec fitted(const Recorder& r, const Push& p, DType dtype, const LinearEpilogue& epilogue);
  // Every tile with every epilogue that models use.
  static std::vector<Spec> variants(const DeviceInfo& device);
};

// How the lanes of a workgroup divide it where shaders/common/tile_texel.glsl does the work.
struct TexelTile {
  uint32_t group = 8, lanes = 8, columns = 8;  // columns: lanes side by side
  uint32_t own_rows = 16;                      // of a lane
  uint32_t rows() const { return own_rows * (group / columns); }
  // Both shapes: all lanes side by side, and four, where the others hold further rows.
  static std::array<TexelTile, 2> shapes(const DeviceInfo& device);
  // The one that pads a product of m rows less. By rule, as the two differ little beyond that, while to
  // measure them a CPU driver would compile each first, for a tenth of a second.
  static TexelTile fitted(const DeviceInfo& device, uint32_t m, uint32_t columns4);
  // For a product of at most eight rows, as a decoder's steps are.
  static TexelTile few(const DeviceInfo& device, uint32_t m);
  static constexpr uint32_t most_few = 8;
};

struct LinearTexel {
  static constexpr const gpu::Shader& shader = shaders::linear_texel;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = LinearPush;
  struct Spec {
    TexelTile tile;
    LinearEpilogue epilogue;
  };
  struct Bind {
    Texel x, w, bias, scale, residual;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.columns4, s.tile.columns), groups(p.m, s.tile.rows()), 1};
  }
  static bool suits(const Push& p, const Spec&) { return (p.n | p.k) % 4 == 0; }
  static Spec fitted(const Recorder& r, const Push& p, DType dtype, const LinearEpilogue& epilogue);
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const Candidates<LinearTexel, LinearTiled> linear_kernels;

// The tile that is fastest on the device for a product of this size, measured at first use.
SharedTile best_shared_tile(const Recorder& r, const LinearPush& product, bool fours, DType dtype);

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
