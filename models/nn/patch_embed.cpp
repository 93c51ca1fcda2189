#include "models/nn/patch_embed.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "models/nn/layout.h"
#include "models/nn/shapes.h"
#include "runtime/ops/nn/patch_gather.h"

namespace fovea::layers {
namespace {

constexpr uint32_t most_stages = 6;  // patches of 64 × 64

uint32_t stages_of(const io::Weights& stem) {
  uint32_t stages = 0;
  while (stages < most_stages && stem.has(fmt::format("{}.conv.weight", stages))) ++stages;
  return stages;
}

}  // namespace

ConvStem::ConvStem(WeightStore& store, const io::Weights& w) {
  uint32_t width = 3;
  for (uint32_t i = 0; i < stages_of(w); ++i) {
    const io::Weights stage = w / i;
    const ConvShape down = centred_conv(stage / "conv", width, 2);
    stages_.push_back({Conv(store, stage / "conv", stage / "bn", down), {}});
    width = down.columns;
    for (uint32_t j = 0; stage.has(fmt::format("blocks.{}.conv1.weight", j)); ++j) {
      const io::Weights block = stage / "blocks" / j;
      const ConvShape inner = centred_conv(block / "conv1", width);
      const ConvShape outer = centred_conv(block / "conv2", inner.columns);
      if (outer.columns != width)
        throw Error(ErrorKind::model, fmt::format("[load] {} gives {} channels, the block's input has {}",
                                                  block.path("conv2.weight"), outer.columns, width));
      stages_.back().blocks.push_back({Conv(store, block / "conv1", block / "bn1", inner),
                                       Conv(store, block / "conv2", block / "bn2", outer)});
    }
  }
}

Tensor ConvStem::operator()(Recorder& r, const Tensor& input) const {
  constexpr auto relu = ops::Activation::relu, none = ops::Activation::none;
  Tensor x = channels_last(r, input);
  for (const Stage& stage : stages_) {
    x = stage.conv(r, x, {relu});
    for (const ResidualBlock& block : stage.blocks)
      x = block.conv2(r, block.conv1(r, x, {relu}), {none, {}, /*residual=*/x, /*final=*/relu});
  }
  return x.reshaped({x.shape[0], x.shape[1] * x.shape[2], x.shape[3]});
}

PatchShape patch_shape(const io::Weights& w) {
  if (const uint32_t stages = stages_of(w / "stem"); stages != 0) {
    const io::Weights last = w / "stem" / (stages - 1);
    return {dimension(last, "conv.weight", 4, 0), 1U << stages, 1U << stages};
  }
  const io::Weights proj = w / "patch_embed" / "proj";
  return {dimension(proj, "weight", 4, 0), dimension(proj, "weight", 4, 2), dimension(proj, "weight", 4, 3)};
}

PatchEmbed::PatchEmbed(WeightStore& store, const io::Weights& w, const PatchShape& shape) : shape_(shape) {
  if (stages_of(w / "stem") != 0)
    stem_.emplace(store, w / "stem");
  else
    linear_.emplace(store, w / "patch_embed" / "proj", shape.width,
                    std::initializer_list<uint64_t>{shape.width, 3, shape.rows, shape.cols});
}

Tensor PatchEmbed::operator()(Recorder& r, const Tensor& input) const {
  if (stem_) return (*stem_)(r, input);
  return (*linear_)(r, ops::patch_gather(r, input, shape_.rows, shape_.cols));
}

}  // namespace fovea::layers
