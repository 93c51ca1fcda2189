// The two blocks that CoAtNet (Dai et al. 2021) and MaxViT (Tu et al. 2022) are made of, as timm trains them.
#pragma once

#include <optional>

#include "models/nn/attention.h"
#include "models/nn/conv.h"
#include "models/nn/gates.h"
#include "models/nn/mlp.h"
#include "models/nn/relative_position.h"

namespace fovea::coatnet {

// What no weight tells. The defaults are the paper's CoAtNet as timm reads it.
struct Variant {
  ops::Activation activation = ops::Activation::gelu;  // of convolutions
  ops::Activation squeeze = ops::Activation::silu;     // between the two layers of a gate
  ops::Activation mlp = ops::Activation::gelu;
  bool pre_activation = false;  // after an MBConv's first norm too
  bool stride_by_pool = false;  // an MBConv halves the grid before its convolutions, not by the depthwise one
  bool max_pool = false;  // shortcuts and attention halve by the maximum of 3 × 3, not by the mean of 2 × 2
  bool same_padding = false;  // TensorFlow's: of an uneven pad the larger half is at the bottom and right
  float conv_epsilon = 1e-5F, epsilon = 1e-6F;  // of BatchNorms in convolutions, of all other norms
  layers::QkvOrder order = layers::QkvOrder::heads_first;
};

// The padding of a 3 × 3 convolution in this variant.
layers::ConvShape padded(layers::ConvShape shape, const Variant& v);

// LayerNorm over channels, or BatchNorm where the weights have its statistics.
class Norm {
 public:
  Norm(WeightStore& store, const io::Weights& w, uint32_t width, float epsilon);
  Tensor operator()(Recorder& r, const Tensor& x) const;
  const std::optional<layers::LayerNorm>& layer_norm() const { return layer_norm_; }

 private:
  std::optional<layers::LayerNorm> layer_norm_;
  Tensor scale_, shift_;
};

// Inverted bottleneck with its norms in front and a squeeze-and-excitation gate.
class MbConv {
 public:
  MbConv(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride, const Variant& v);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;
  uint32_t width() const { return width_; }

 private:
  Variant v_;
  uint32_t stride_, width_;
  bool gate_first_;                 // before the second norm
  Tensor norm_scale_, norm_shift_;  // of the first norm where an activation follows it
  Tensor late_scale_, late_shift_;  // of the second norm behind a gate
  std::optional<layers::Linear> widen_;
  std::optional<layers::Conv> depthwise_;
  std::optional<layers::SqueezeExcite> gate_;
  layers::Linear narrow_;
  std::optional<layers::Linear> shortcut_;
};

// Attention in windows, or over the whole grid, and an MLP; the first block of a stage may halve the grid.
class AttentionBlock {
 public:
  // windows: of the grid after the block.
  AttentionBlock(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride,
                 const layers::WindowShape& windows, const Variant& v);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;
  uint32_t width() const { return width_; }

 private:
  Variant v_;
  uint32_t stride_, width_;
  Norm norm1_, norm2_;
  layers::Windows windows_;
  layers::Attention attn_;
  layers::Mlp mlp_;
  std::optional<layers::Linear> shortcut_;
  Tensor scale1_, scale2_;  // LayerScale, empty where the block has none
};

}  // namespace fovea::coatnet
