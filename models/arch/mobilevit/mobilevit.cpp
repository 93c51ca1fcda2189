// MobileViT (Mehta & Rastegari 2022, "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision
// Transformer"): inverted residuals, and blocks in which a transformer works among patches.
#include <fmt/format.h>

#include <algorithm>

#include "models/arch/byob/blocks.h"
#include "models/model/family.h"
#include "models/nn/activation.h"
#include "models/nn/block.h"
#include "models/nn/shapes.h"
#include "models/nn/windows.h"
#include "runtime/ops/conv/resize2d.h"

namespace fovea {
namespace {

using byob::FeatureMap;

// In no tensor's shape; timm builds every block of the family with four.
constexpr uint32_t heads = 4;
constexpr float epsilon = 1e-5F;  // of LayerNorm

// act(BN(W ∗ [shortcut, x])), the sum of two convolutions, each over its own half of the input channels.
class Fusion {
 public:
  Fusion(WeightStore& store, const io::Weights& w, uint32_t channels, ops::Activation activation)
      : Fusion(store, w, channels, activation, layers::centred_conv(w / "conv", 2 * channels)) {}
  Tensor operator()(Recorder& r, const Tensor& shortcut, const Tensor& x) const {
    return of_x_(r, x, {ops::Activation::none, {}, of_shortcut_(r, shortcut), activation_});
  }

 private:
  Fusion(WeightStore& store, const io::Weights& w, uint32_t channels, ops::Activation activation,
         const layers::ConvShape& both)
      : Fusion(store, layers::conv_numbers(w / "conv", w / "bn", both), activation,
               {channels, both.columns, 1, both.window}) {}
  Fusion(WeightStore& store, const layers::ConvNumbers& both, ops::Activation activation,
         const layers::ConvShape& half)
      : activation_(activation),
        of_shortcut_(store, {both.name, cut(both.weight, half.columns, 0), {}}, half),
        of_x_(store, {both.name, cut(both.weight, half.columns, 1), both.bias}, half) {}

  // [columns, 2, n] → [columns, n]
  static std::vector<float> cut(const std::vector<float>& weight, size_t columns, size_t which) {
    const size_t n = weight.size() / columns / 2;
    std::vector<float> out(columns * n);
    for (size_t c = 0; c < columns; ++c)
      std::copy_n(weight.data() + (2 * c + which) * n, n, out.data() + c * n);
    return out;
  }

  ops::Activation activation_;
  layers::Conv of_shortcut_, of_x_;
};

// Section 3.1: local representations by convolutions, global ones by a transformer, fused with the input.
class MobileVitBlock : public byob::Block {
 public:
  MobileVitBlock(WeightStore& store, const io::Weights& w, const FeatureMap& in, const byob::Style& style);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const override;
  FeatureMap out() const override { return map_; }

 private:
  Tensor transformed(Recorder& r, const Tensor& x, AttentionTap* tap) const;

  FeatureMap map_;  // of input and output alike
  uint32_t width_;  // of the transformer
  byob::ConvNorm local_;
  layers::Linear widen_;
  layers::Windows groups_;  // of pixels
  std::vector<layers::Block> transformer_;
  layers::LayerNorm norm_;
  byob::ConvNorm project_;
  Fusion fusion_;
};

MobileVitBlock::MobileVitBlock(WeightStore& store, const io::Weights& w, const FeatureMap& in,
                               const byob::Style& style)
    : map_(in),
      width_(layers::dimension(w / "conv_1x1", "weight", 4, 0)),
      local_(store, w / "conv_kxk", in, 1, style.activation),
      widen_(store, w / "conv_1x1", width_, {width_, in.channels, 1, 1}),
      groups_(store, layers::pixels_of_patches(in.rows, in.cols)),
      norm_(store, w / "norm", width_, epsilon),
      project_(store, w / "conv_proj", {in.rows, in.cols, width_, in.reduction}, 1, style.activation),
      fusion_(store, w / "conv_fusion", in.channels, style.activation) {
  do
    transformer_.emplace_back(store, w / "transformer" / transformer_.size(),
                              layers::BlockShape{width_, heads, epsilon, style.activation, groups_.grid()});
  while (w.has(fmt::format("transformer.{}.norm1.weight", transformer_.size())));
}

// x [images, rows, cols, channels] → the same
Tensor MobileVitBlock::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const uint32_t rows = groups_.shape().rows, cols = groups_.shape().cols;
  const bool whole = rows == map_.rows && cols == map_.cols;
  Tensor y = widen_(r, local_(r, x));  // [images, rows, cols, width]
  // A map that is not whole patches is stretched for the transformer.
  if (!whole) y = ops::resize2d(r, y, rows, cols, ops::ResizeMode::bilinear);
  y = transformed(r, y, tap);
  if (!whole) y = ops::resize2d(r, y, map_.rows, map_.cols, ops::ResizeMode::bilinear);
  return fusion_(r, x, project_(r, y));
}

Tensor MobileVitBlock::transformed(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  Tensor y = groups_.cut(r, x.reshaped({x.shape[0], x.shape[1] * x.shape[2], width_}));
  for (const auto& block : transformer_) y = block(r, y, tap);
  return groups_.join(r, norm_(r, y)).reshaped(x.shape);
}

std::unique_ptr<byob::Block> make_block(WeightStore& store, const io::Weights& w, const FeatureMap& in,
                                        uint32_t stride, const byob::Style& style) {
  if (w.has("conv_kxk.conv.weight")) return std::make_unique<MobileVitBlock>(store, w, in, style);
  return std::make_unique<byob::Bottleneck>(store, w, in, stride, style);
}

struct MobileVit : byob::Network {
  explicit MobileVit(const Loading& from)
      : Network(from, {.activation = layers::activation_of(from.config, "act_layer", "silu")}, &make_block) {}
};

bool matches(const io::ModelConfig& config) {
  return io::is_called(config, {"mobilevit_{xxs,xs,s}"});
}

}  // namespace

Family mobilevit_family() {
  return family<MobileVit>("MobileViT", "timm mobilevit_*", &matches);
}

}  // namespace fovea
