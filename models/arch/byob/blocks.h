// Networks that timm builds from one description, its ByobNet: a stem, stages of blocks, a pooled linear
// head. A family says what its own blocks are.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "models/model/model.h"
#include "models/nn/conv.h"
#include "models/nn/linear.h"

namespace fovea::byob {

struct FeatureMap {
  uint32_t rows = 0, cols = 0, channels = 0;
  uint32_t reduction = 1;  // input pixels a cell, along each side
};

// What a block or network is built with besides its weights.
struct Style {
  ops::Activation activation = ops::Activation::none;
  ops::Activation final = ops::Activation::none;  // of a bottleneck, after its shortcut is added
  bool projects = false;  // a shortcut between different shapes is a convolution; without, there is none
};

// y = final(residual + act(BN(W ∗ x))), timm's ConvNormAct.
class ConvNorm {
 public:
  ConvNorm(WeightStore& store, const io::Weights& w, const FeatureMap& in, uint32_t stride,
           ops::Activation activation);
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual = {},
                    ops::Activation final = ops::Activation::none) const {
    return conv_(r, x, {activation_, {}, residual, final});
  }
  const FeatureMap& out() const { return out_; }

 private:
  FeatureMap out_;
  ops::Activation activation_;
  layers::Conv conv_;
};

// What a block adds to its result: its input, a convolution of it, or nothing.
class Shortcut {
 public:
  Shortcut(WeightStore& store, const io::Weights& w, const FeatureMap& in, const FeatureMap& out,
           uint32_t stride, const Style& style);
  Tensor operator()(Recorder& r, const Tensor& x) const {
    return conv_ ? (*conv_)(r, x) : identity_ ? x : Tensor{};
  }

 private:
  bool identity_;
  std::optional<ConvNorm> conv_;
};

class Block {
 public:
  virtual ~Block() = default;
  // x [images, rows, cols, inputs] → as out() says.
  virtual Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const = 0;
  virtual FeatureMap out() const = 0;
};

// 1×1, k×k, 1×1 and a shortcut: ResNet's bottleneck (He et al. 2016) or, with depthwise k×k and more channels
// inside than outside, MobileNetV2's inverted residual (Sandler et al. 2018).
class Bottleneck : public Block {
 public:
  Bottleneck(WeightStore& store, const io::Weights& w, const FeatureMap& in, uint32_t stride,
             const Style& style);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const override;
  FeatureMap out() const override { return conv3_.out(); }

 private:
  ops::Activation final_;
  ConvNorm conv1_, conv2_, conv3_;
  Shortcut shortcut_;
};

// Makes the block that `w` holds, stages.<i>.<j>.
using MakeBlock = std::unique_ptr<Block> (*)(WeightStore& store, const io::Weights& w, const FeatureMap& in,
                                             uint32_t stride, const Style& style);

class Network : public LoadedModel {
 public:
  Network(const Loading& from, const Style& style, MakeBlock make);
  void forward(Pass& pass) const override;

 private:
  FeatureMap build_stem(const io::Weights& w);

  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  Style style_;
  std::vector<ConvNorm> stem_;
  bool pools_ = false;  // behind the stem
  std::vector<std::unique_ptr<Block>> blocks_;
  std::optional<ConvNorm> final_conv_;
  std::optional<layers::Linear> head_;
};

}  // namespace fovea::byob
