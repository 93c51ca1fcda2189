// Residual networks (He et al. 2016) and what grew from them: grouped convolutions (ResNeXt), deep stems and
// averaging shortcuts (He et al. 2019), gates by squeeze-and-excitation and CBAM. Both of timm's spellings:
// its ResNet, and the older SENet whose names begin with legacy_.
#include <fmt/format.h>

#include <array>
#include <optional>
#include <variant>

#include "fovea/error.h"
#include "models/model/family.h"
#include "models/nn/activation.h"
#include "models/nn/gates.h"
#include "models/nn/layout.h"
#include "models/nn/shapes.h"
#include "runtime/ops/conv/pool.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace {

using layers::centred_conv;
using layers::dimension;
using ops::Activation;

// What the two spellings do differently.
struct Style {
  bool legacy = false;
  bool stride_first = false;  // of a bottleneck: its stride is in conv1, not in conv2
  Activation activation = Activation::relu;

  const char* gate() const { return legacy ? "se_module" : "se"; }
  const char* head() const { return legacy ? "last_linear" : "fc"; }
};

Style style_of(const io::ModelConfig& config, const io::Weights& w) {
  // These change the mathematics and leave no trace in the weights.
  io::check_known_args(
      config, {"layers", "channels", "block_args", "cardinality", "base_width", "stem_width", "stem_type",
               "replace_stem_pool", "avg_down", "act_layer", "aa_layer", "output_stride"});
  const io::ModelConfig& c = config;
  const std::string pool = io::arg_string(c.model_args, "global_pool", "avg", c.file);
  const uint32_t output_stride = io::arg_uint(c.model_args, "output_stride", 32, c.file);
  const bool antialias = c.model_args.gives("aa_layer");
  if (pool != "avg" || output_stride != 32 || antialias)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] {}: global_pool '{}', output_stride {}{}; a ResNet here has 'avg', 32 and no "
                    "aa_layer",
                    c.file.string(), pool, output_stride, antialias ? ", aa_layer" : ""));
  Style s;
  s.activation = layers::activation_of(config, "act_layer", "relu");
  s.legacy = w.has("layer0.conv1.weight");
  // Caffe's order, which only the plain bottleneck keeps: not senet154's, and not that with groups.
  s.stride_first = s.legacy && c.architecture.find("senet154") == std::string::npos &&
                   c.architecture.find("resnext") == std::string::npos;
  return s;
}

// Convolution and the BatchNorm that follows it.
layers::Conv conv_bn(WeightStore& store, const io::Weights& conv, const io::Weights& bn, uint32_t inputs,
                     uint32_t stride = 1) {
  return {store, conv, bn, centred_conv(conv, inputs, stride)};
}

uint32_t columns_of(const io::Weights& conv) {
  return dimension(conv, "weight", 4, 0);
}

// The network's first convolution or three of them, and the pooling: stride 4 in all.
class Stem {
 public:
  Stem(WeightStore& store, const io::Weights& w, const Style& style);
  Tensor operator()(Recorder& r, const Tensor& input) const;
  uint32_t columns() const { return columns_; }

 private:
  void add(WeightStore& store, const io::Weights& conv, const io::Weights& bn, uint32_t stride) {
    convs_.push_back(conv_bn(store, conv, bn, columns_, stride));
    columns_ = columns_of(conv);
  }

  Style style_;
  uint32_t columns_ = 3;
  std::vector<layers::Conv> convs_;
  bool pools_ = true;
};

Stem::Stem(WeightStore& store, const io::Weights& w, const Style& style) : style_(style) {
  if (style.legacy) {
    const io::Weights stem = w / "layer0";
    add(store, stem / "conv1", stem / "bn1", 2);
    for (const char* i : {"2", "3"})
      if (stem.has(fmt::format("conv{}.weight", i)))
        add(store, stem / fmt::format("conv{}", i), stem / fmt::format("bn{}", i), 1);
  } else if (w.has("conv1.0.weight")) {
    add(store, w / "conv1" / 0, w / "conv1" / 1, 2);
    add(store, w / "conv1" / 3, w / "conv1" / 4, 1);
    add(store, w / "conv1" / 6, w / "bn1", 1);
  } else {
    add(store, w / "conv1", w / "bn1", 2);
  }
  pools_ = !w.has("maxpool.0.weight");
  if (!pools_) add(store, w / "maxpool" / 0, w / "maxpool" / 1, 2);
}

// input [images, 3, height, width] → [images, height / 4, width / 4, columns]
Tensor Stem::operator()(Recorder& r, const Tensor& input) const {
  Tensor x = layers::channels_last(r, input);
  for (const auto& conv : convs_) x = conv(r, x, {style_.activation, {}, {}, {}});
  if (!pools_) return x;
  // Caffe pools without padding and rounds up, so that the last window hangs over the edge.
  const ops::Window window = ops::Window::square(3, 2, style_.legacy ? 0 : 1);
  return ops::pool(r, x, window, ops::PoolKind::max, /*count_pad=*/false, /*ceil=*/style_.legacy);
}

// What is added to a block's output where its shape differs from its input's.
class Shortcut {
 public:
  Shortcut(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride)
      : averages_(!w.has("0.weight")),
        stride_(stride),
        conv_(averages_ ? conv_bn(store, w / 1, w / 2, inputs)
                        : conv_bn(store, w / 0, w / 1, inputs, stride)) {}

  Tensor operator()(Recorder& r, const Tensor& x) const {
    if (!averages_ || stride_ == 1) return conv_(r, x);
    return conv_(r, ops::pool(r, x, ops::Window::square(2, stride_), ops::PoolKind::mean, /*count_pad=*/false,
                              /*ceil=*/true));
  }

 private:
  bool averages_;  // pools before a convolution of stride 1 (ResNet-D)
  uint32_t stride_;
  layers::Conv conv_;
};

// He et al. 2016, figs. 2 and 5: y = relu(F(x) + shortcut(x)), F two convolutions or a bottleneck of three.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride, const Style& style);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;
  uint32_t columns() const { return columns_; }

 private:
  uint32_t columns_;
  Activation activation_;
  Activation before_gate_ = Activation::none;
  std::vector<layers::Conv> convs_;
  std::variant<std::monostate, layers::SqueezeExcite, layers::Cbam> gate_;
  std::optional<Shortcut> shortcut_;
};

Block::Block(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride, const Style& style)
    : columns_(inputs), activation_(style.activation) {
  const uint32_t count = w.has("conv3.weight") ? 3 : 2;
  const uint32_t strided = count == 2 || style.stride_first ? 1 : 2;  // the convolution with the stride
  for (uint32_t i = 1; i <= count; ++i) {
    const io::Weights conv = w / fmt::format("conv{}", i);
    convs_.push_back(conv_bn(store, conv, w / fmt::format("bn{}", i), columns_, i == strided ? stride : 1));
    columns_ = columns_of(conv);
  }
  // The older network's block of two convolutions has its ReLU before the gate as well.
  if (style.legacy && count == 2) before_gate_ = style.activation;
  const io::Weights gate = w / style.gate();
  if (gate.has("fc1.weight")) gate_.emplace<layers::SqueezeExcite>(store, gate, columns_);
  if (gate.has("channel.fc1.weight")) gate_.emplace<layers::Cbam>(store, gate, columns_);
  if (stride != 1 || columns_ != inputs) shortcut_.emplace(store, w / "downsample", inputs, stride);
}

// x [images, rows, cols, inputs] → [images, rows / stride, cols / stride, columns]
Tensor Block::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const Tensor shortcut = shortcut_ ? (*shortcut_)(r, x) : x;
  Tensor y = x;
  for (size_t i = 0; i + 1 < convs_.size(); ++i) y = convs_[i](r, y, {activation_, {}, {}, {}});
  const auto& last = convs_.back();
  if (const auto* se = std::get_if<layers::SqueezeExcite>(&gate_))
    return (*se)(r, last(r, y, {before_gate_, {}, {}, {}}), {shortcut, activation_}, tap);
  if (const auto* cbam = std::get_if<layers::Cbam>(&gate_))
    return (*cbam)(r, last(r, y), {shortcut, activation_}, tap);
  return last(r, y, {Activation::none, {}, shortcut, activation_});
}

class ResNet : public LoadedModel {
 public:
  explicit ResNet(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  Style style_;
  Stem stem_;
  std::vector<Block> blocks_;
  std::optional<layers::Linear> head_;
};

ResNet::ResNet(const Loading& from)
    : LoadedModel(from), style_(style_of(from.config, from.weights)), stem_(store_, from.weights, style_) {
  uint32_t columns = stem_.columns();
  for (uint32_t stage = 1; stage <= 4; ++stage) {
    const io::Weights layer = from.weights / fmt::format("layer{}", stage);
    uint32_t block = 0;
    do {
      blocks_.emplace_back(store_, layer / block, columns, stage > 1 && block == 0 ? 2 : 1, style_);
      columns = blocks_.back().columns();
    } while (layer.has(fmt::format("{}.conv1.weight", ++block)));
  }

  head_ = classifier(from.config, from.weights / style_.head(), columns);
}

void ResNet::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = stem_(r, pass.input(pixels_));
  for (const auto& block : blocks_) x = block(r, x, pass.tap());
  const uint32_t images = x.shape[0], rows = x.shape[1], cols = x.shape[2], columns = x.shape[3];
  const Tensor cells = x.reshaped({images, rows * cols, columns});
  if (pass.wants(features_)) pass.give(features_, layers::channels_first(r, cells, rows, cols));
  if (pass.wants(logits_)) {
    const Tensor pooled = ops::token_mean(r, cells);
    pass.give(logits_, head_ ? (*head_)(r, pooled) : pooled);
  }
  if (pass.tap() != nullptr && head_)
    pass.tap()->head = {cells, rows, cols, 0, PooledHead::Norm::none, {}, 0, head_->weights()};
}

// By whole names: cousins such as resnetblur50, resnetv2_50 or resnet51q have other mathematics.
bool matches(const io::ModelConfig& config) {
  return io::is_called(
      config, {"{se,cbam_,}resnet{18,26,34,50,101,152,200,269}{c,d,s,t,}", "resnet{10,14}t",
               "resnetrs{50,101,152,200,270,350,420}", "{se,}resnext{26,50,101}{d,t,}_{32,64}x{4,8,16,32}d",
               "wide_resnet{50,101}_2", "{legacy_,}senet154", "legacy_seresnet{18,34,50,101,152}",
               "legacy_seresnext{26,50,101}_32x4d"});
}

}  // namespace

Family resnet_family() {
  return family<ResNet>(
      "ResNet",
      "timm resnet*, resnext*, seresnet*, seresnext*, senet154, cbam_resnet*, legacy_seresnet*, "
      "legacy_seresnext*, legacy_senet154",
      &matches);
}

}  // namespace fovea
