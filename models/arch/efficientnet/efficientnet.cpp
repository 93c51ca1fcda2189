// Networks of depthwise convolutions from timm's builder: EfficientNet (Tan & Le 2019) and V2 (2021),
// MobileNet V1 to V3 (Howard et al. 2017, Sandler et al. 2018, Howard et al. 2019), MnasNet, FBNetV3, LCNet
// and their likes.
#include <fmt/format.h>

#include <optional>
#include <span>
#include <vector>

#include "fovea/error.h"
#include "models/arch/efficientnet/design.h"
#include "models/model/family.h"
#include "models/nn/conv.h"
#include "models/nn/gates.h"
#include "models/nn/layout.h"
#include "models/nn/linear.h"
#include "models/nn/shapes.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace {

using efficientnet::BlockKind;
using efficientnet::BlockRule;
using efficientnet::Design;
using ops::Activation;

// What a layer reads; layers move it on to what they give.
struct FeatureMap {
  uint32_t rows = 0, cols = 0, channels = 0;
};

// TensorFlow's SAME: as many positions as strides begin in the input, what is missing shared between both
// sides.
void pad_same(ops::Window& window, const FeatureMap& in) {
  const auto missing = [&](uint32_t size, uint32_t taps) {
    const uint32_t reach = (ops::groups(size, window.stride) - 1) * window.stride + taps;
    return reach > size ? reach - size : 0U;
  };
  const uint32_t down = missing(in.rows, window.rows), across = missing(in.cols, window.cols);
  window.top = down / 2;
  window.bottom = down - down / 2;
  window.left = across / 2;
  window.right = across - across / 2;
}

layers::ConvShape shape_of(const io::Weights& conv, const FeatureMap& in, uint32_t stride,
                           const Design& design) {
  layers::ConvShape shape = layers::centred_conv(conv, in.channels, stride);
  if (design.same_padding) pad_same(shape.window, in);
  return shape;
}

// act(BN(W ∗ x)), and what is added to it.
class ConvNorm {
 public:
  ConvNorm(WeightStore& store, const io::Weights& conv, const io::Weights& bn, FeatureMap& map,
           uint32_t stride, Activation activation, const Design& design)
      : ConvNorm(store, conv, bn, map, shape_of(conv, map, stride, design), activation, design.epsilon) {}

  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual = {}) const {
    return conv_(r, x, {activation_, {}, residual, {}});
  }

 private:
  ConvNorm(WeightStore& store, const io::Weights& conv, const io::Weights& bn, FeatureMap& map,
           const layers::ConvShape& shape, Activation activation, float epsilon)
      : activation_(activation), conv_(store, conv, bn, shape, epsilon) {
    map = {shape.window.out_rows(map.rows), shape.window.out_cols(map.cols), shape.columns};
  }

  Activation activation_;
  layers::Conv conv_;
};

// The convolutions of a block, in order, and which of them has the stride.
struct Step {
  const char *conv, *bn;
};
struct Steps {
  std::span<const Step> all;
  size_t strided;
};

Steps steps_of(BlockKind kind) {
  static constexpr Step separable[] = {{"conv_dw", "bn1"}, {"conv_pw", "bn2"}},
                        inverted[] = {{"conv_pw", "bn1"}, {"conv_dw", "bn2"}, {"conv_pwl", "bn3"}},
                        edge[] = {{"conv_exp", "bn1"}, {"conv_pwl", "bn2"}}, plain[] = {{"conv", "bn1"}};
  switch (kind) {
    case BlockKind::separable:
      return {separable, 0};
    case BlockKind::inverted:
      return {inverted, 1};
    case BlockKind::edge:
      return {edge, 0};
    case BlockKind::plain:
      break;
  }
  return {plain, 0};
}

// Convolutions with a gate before the last, and a skip around them.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, FeatureMap& map, const BlockRule& rule, uint32_t stride,
        const Design& design);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;

 private:
  bool skips_;
  std::vector<ConvNorm> convs_;
  std::optional<layers::SqueezeExcite> gate_;
};

Block::Block(WeightStore& store, const io::Weights& w, FeatureMap& map, const BlockRule& rule,
             uint32_t stride, const Design& design) {
  const uint32_t inputs = map.channels;
  const Activation activation = rule.activation.value_or(design.activation);
  const Steps steps = steps_of(rule.kind);
  for (size_t i = 0; i < steps.all.size(); ++i) {
    const bool last = i + 1 == steps.all.size();
    if (last && w.has("se.conv_reduce.weight"))
      gate_.emplace(store, w / "se", map.channels,
                    layers::SqueezeExciteStyle{design.gate_activation.value_or(activation), design.gate,
                                               "conv_reduce", "conv_expand"});
    convs_.emplace_back(store, w / steps.all[i].conv, w / steps.all[i].bn, map,
                        i == steps.strided ? stride : 1,
                        last && !rule.ends_active ? Activation::none : activation, design);
  }
  skips_ = rule.skips && stride == 1 && inputs == map.channels;
}

// x [images, rows, cols, inputs] → [images, rows / stride, cols / stride, columns]
Tensor Block::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  Tensor y = x;
  for (size_t i = 0; i + 1 < convs_.size(); ++i) y = convs_[i](r, y);
  if (gate_) y = (*gate_)(r, y, {}, tap);
  return convs_.back()(r, y, skips_ ? x : Tensor{});
}

class EfficientNet : public LoadedModel {
 public:
  explicit EfficientNet(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  void build_blocks(const Loading& from, FeatureMap& map);
  void build_head(const Loading& from, FeatureMap& map);

  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  Design design_;
  std::optional<ConvNorm> stem_, head_conv_;
  std::vector<Block> blocks_;
  std::optional<layers::Linear> pooled_conv_;  // behind the mean, where there is one
  std::optional<layers::Linear> head_;
};

EfficientNet::EfficientNet(const Loading& from)
    : LoadedModel(from), design_(efficientnet::design_of(from.config)) {
  FeatureMap map{preprocess_.height, preprocess_.width, 3};
  stem_.emplace(store_, from.weights / "conv_stem", from.weights / "bn1", map, 2, design_.activation,
                design_);
  build_blocks(from, map);
  build_head(from, map);
}

// A block of any kind begins with a convolution and its norm.
size_t blocks_in(const io::Weights& stage) {
  size_t count = 0;
  while (stage.has(fmt::format("{}.bn1.weight", count))) ++count;
  return count;
}

void EfficientNet::build_blocks(const Loading& from, FeatureMap& map) {
  size_t stages = 0;
  while (blocks_in(from.weights / "blocks" / stages) != 0) ++stages;
  if (stages != design_.stages.size())
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: the weights hold {} stages, {} has {}", from.config.file.string(),
                            stages, from.config.architecture, design_.stages.size()));
  uint32_t output_stride = 2;
  for (size_t i = 0; i < stages; ++i) {
    const io::Weights stage = from.weights / "blocks" / i;
    const size_t count = blocks_in(stage);
    const uint32_t stride = design_.stages[i].front().stride;
    // timm dilates a stage instead of going beyond a stride of 32.
    if ((output_stride *= stride) > 32)
      throw Error(ErrorKind::model, fmt::format("[load] {}: stage {} comes to a stride of {}, beyond 32",
                                                from.config.file.string(), i, output_stride));
    for (size_t b = 0; b < count; ++b)
      blocks_.emplace_back(store_, stage / b, map, rule_of(design_.stages[i], b, count, from.config),
                           b == 0 ? stride : 1, design_);
  }
}

void EfficientNet::build_head(const Loading& from, FeatureMap& map) {
  const io::Weights conv = from.weights / "conv_head";
  if (design_.pools_first) {
    const uint32_t columns = layers::linear_columns(conv);
    pooled_conv_.emplace(store_, conv, columns, map.channels);
    map.channels = columns;
  } else if (conv.has("weight")) {
    head_conv_.emplace(store_, conv, from.weights / "bn2", map, 1, design_.activation, design_);
  }
  head_ = classifier(from.config, from.weights / "classifier", map.channels);
}

void EfficientNet::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = (*stem_)(r, layers::channels_last(r, pass.input(pixels_)));
  for (const Block& block : blocks_) x = block(r, x, pass.tap());
  if (head_conv_) x = (*head_conv_)(r, x);

  const uint32_t images = x.shape[0], rows = x.shape[1], cols = x.shape[2], channels = x.shape[3];
  const Tensor cells = x.reshaped({images, rows * cols, channels});
  if (pass.wants(features_)) pass.give(features_, layers::channels_first(r, cells, rows, cols));
  if (pass.wants(logits_)) {
    Tensor pooled = ops::token_mean(r, cells);
    if (pooled_conv_) pooled = (*pooled_conv_)(r, pooled, {design_.activation, {}, {}, {}});
    pass.give(logits_, head_ ? (*head_)(r, pooled) : pooled);
  }
  // With an activation behind the mean no cell has a part of its own in a logit.
  if (pass.tap() != nullptr && head_ && !pooled_conv_)
    pass.tap()->head = {cells, rows, cols, 0, PooledHead::Norm::none, {}, 0, head_->weights()};
}

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::timm && efficientnet::is_known(config.architecture);
}

}  // namespace

Family efficientnet_family() {
  return family<EfficientNet>("EfficientNet",
                              "timm efficientnet_*, efficientnetv2_*, mobilenetv1_*, mobilenetv2_*, "
                              "mobilenetv3_*, their tf_ forms, mnasnet_*, "
                              "tinynet_*, fbnetv3_*, lcnet_*",
                              &matches);
}

}  // namespace fovea
