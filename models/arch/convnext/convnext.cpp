// ConvNeXt (Liu et al. 2022), and V2 with global response normalisation (Woo et al. 2023).
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "core/pattern.h"
#include "fovea/error.h"
#include "models/arch/convnext/convnext_names.h"
#include "models/model/family.h"
#include "models/nn/activation.h"
#include "models/nn/conv.h"
#include "models/nn/layer_norm.h"
#include "models/nn/layout.h"
#include "models/nn/linear.h"
#include "models/nn/shapes.h"
#include "runtime/ops/nn/grn.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace {

using layers::dimension;
using ops::Activation;

// What no weight shows.
struct Style {
  Activation activation = Activation::gelu;
  float epsilon = 1e-6F, head_epsilon = 1e-6F;  // of norms in the body, and of the one behind the mean
};

// GRN's own, whatever the other norms have.
constexpr float grn_epsilon = 1e-6F;

Style timm_style(const io::ModelConfig& c) {
  io::check_known_args(c, {"in_chans",         "num_classes", "global_pool",     "output_stride",
                           "depths",           "dims",        "kernel_sizes",    "ls_init_value",
                           "stem_type",        "patch_size",  "head_init_scale", "head_norm_first",
                           "head_hidden_size", "conv_mlp",    "conv_bias",       "use_grn",
                           "act_layer",        "norm_layer",  "norm_eps",        "drop_rate",
                           "drop_path_rate"});
  const std::string pool = io::arg_string(c.model_args, "global_pool", "avg", c.file);
  const std::string norm = io::arg_string(c.model_args, "norm_layer", "layernorm", c.file);
  const uint32_t output_stride = io::arg_uint(c.model_args, "output_stride", 32, c.file);
  if (pool != "avg" || output_stride != 32 || (norm != "layernorm" && norm != "layernorm2d"))
    throw Error(
        ErrorKind::model,
        fmt::format("[load] {}: global_pool '{}', output_stride {}, norm_layer '{}'; a ConvNeXt here has "
                    "'avg', 32 and 'layernorm'",
                    c.file.string(), pool, output_stride, norm));
  const bool third = c.architecture.starts_with("test_convnext3"),
             tests = c.architecture.starts_with("test_convnext"),
             larger = tests || c.architecture.starts_with("convnext_xxlarge");
  const auto epsilon =
      static_cast<float>(io::arg_double(c.model_args, "norm_eps", larger ? 1e-5 : 1e-6, c.file, 1e-20, 1));
  return {layers::activation_of(c, "act_layer",
                                third   ? "silu"
                                : tests ? "gelu_tanh"
                                        : "gelu"),
          epsilon, epsilon};
}

// transformers tells the last norm's epsilon; the others' is fixed.
Style transformers_style(const io::ModelConfig& c) {
  return {layers::activation_of(c, "hidden_act", "gelu"), 1e-6F,
          static_cast<float>(io::arg_double(c.model_args, "layer_norm_eps", 1e-12, c.file, 1e-20, 1))};
}

Style style_of(const io::ModelConfig& c) {
  return c.naming == io::Naming::timm ? timm_style(c) : transformers_style(c);
}

// y = x + γ ⊙ fc2(GRN(act(fc1(LN(dw(x)))))), γ and GRN where there are any.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, uint32_t channels, const Style& style);
  Tensor operator()(Recorder& r, const Tensor& x) const;

 private:
  struct Grn {
    Tensor weight, bias;  // [hidden] f32
  };
  Activation activation_;
  layers::Conv conv_;
  layers::LayerNorm norm_;
  layers::Linear fc1_, fc2_;
  std::optional<Grn> grn_;
  Tensor gamma_;
};

layers::Conv depthwise(WeightStore& store, const io::Weights& w, uint32_t channels) {
  const layers::ConvShape shape = layers::centred_conv(w, channels);
  if (shape.groups != channels || shape.columns != channels)
    throw Error(ErrorKind::model, fmt::format("[load] {} is no depthwise convolution of {} channels",
                                              w.path("weight"), channels));
  return {store, w, shape};
}

// [channels], or [1, 1, 1, channels] in transformers' files.
Tensor channel_numbers(WeightStore& store, const io::Weights& w, const char* name, uint32_t channels) {
  const bool whole = w.shape(name).size() == 4;
  return store.vector(whole ? w.take(name, {1, 1, 1, channels}) : w.take(name, {channels}), {channels});
}

Block::Block(WeightStore& store, const io::Weights& w, uint32_t channels, const Style& style)
    : activation_(style.activation),
      conv_(depthwise(store, w / "conv_dw", channels)),
      norm_(store, w / "norm", channels, style.epsilon),
      fc1_(store, w / "mlp" / "fc1", layers::linear_columns(w / "mlp" / "fc1"), channels),
      fc2_(store, w / "mlp" / "fc2", channels, fc1_.weights().columns) {
  const io::Weights grn = w / "mlp" / "grn";
  const uint32_t hidden = fc1_.weights().columns;
  if (grn.has("weight"))
    grn_ = {channel_numbers(store, grn, "weight", hidden), channel_numbers(store, grn, "bias", hidden)};
  if (w.has("gamma")) gamma_ = layers::channel_vector(store, w.take("gamma", {channels}));
}

// x [images, rows, cols, channels]
Tensor Block::operator()(Recorder& r, const Tensor& x) const {
  Tensor y = norm_(r, conv_(r, x));
  y = fc1_(r, y, {activation_, {}, {}, {}});
  if (grn_) y = ops::grn(r, y, grn_->weight, grn_->bias, grn_epsilon);
  return fc2_(r, y, {Activation::none, gamma_, x, {}});
}

// A convolution of patches that do not overlap.
layers::ConvShape patches(const io::Weights& conv, uint32_t inputs) {
  const uint32_t size = dimension(conv, "weight", 4, 2);
  return {inputs, dimension(conv, "weight", 4, 0), 1, ops::Window::square(size, size)};
}

// Patches, or two convolutions of stride 2 with or without an activation between; then a norm.
class Stem {
 public:
  Stem(WeightStore& store, const io::Weights& w, const Style& style);
  Tensor operator()(Recorder& r, const Tensor& x) const;
  uint32_t channels() const { return channels_; }
  uint32_t stride() const { return stride_; }

 private:
  uint32_t channels_ = 3, stride_ = 1;
  Activation between_ = Activation::none;
  std::vector<layers::Conv> convs_;
  std::optional<layers::LayerNorm> norm_;
};

Stem::Stem(WeightStore& store, const io::Weights& w, const Style& style) {
  const auto is_conv = [&](uint32_t i) {
    const std::string weight = fmt::format("{}.weight", i);
    return w.has(weight) && w.shape(weight).size() == 4;
  };
  const auto add = [&](uint32_t i, const layers::ConvShape& shape) {
    convs_.emplace_back(store, w / i, shape);
    channels_ = shape.columns;
    stride_ *= shape.window.stride;
  };
  const uint32_t second = is_conv(1) ? 1 : is_conv(2) ? 2 : 0;
  if (second == 0) {
    add(0, patches(w / 0, channels_));
  } else {
    add(0, layers::centred_conv(w / 0, channels_, 2));
    add(second, layers::centred_conv(w / second, channels_, 2));
    if (second == 2) between_ = style.activation;  // holds the place of an activation
  }
  norm_.emplace(store, w / (second + 1), channels_, style.epsilon);
}

// x [images, height, width, 4] → [images, height / stride, width / stride, channels]
Tensor Stem::operator()(Recorder& r, const Tensor& x) const {
  Tensor y = x;
  for (size_t i = 0; i < convs_.size(); ++i)
    y = convs_[i](r, y, {i + 1 < convs_.size() ? between_ : Activation::none, {}, {}, {}});
  return (*norm_)(r, y);
}

// Halves the grid, or just changes channels.
struct Downsample {
  layers::LayerNorm norm;
  layers::Conv conv;
};

struct Stage {
  std::optional<Downsample> downsample;
  std::vector<Block> blocks;
};

class ConvNext : public LoadedModel {
 public:
  explicit ConvNext(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  uint32_t build_stages(const Loading& from, const Style& style);
  void build_head(const Loading& from, uint32_t channels, const Style& style);
  Tensor pooled(Recorder& r, const Tensor& cells) const;
  void offer_head(AttentionTap& tap, const Tensor& cells, uint32_t rows, uint32_t cols) const;

  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  size_t pooler_ = no_output;  // transformers'
  std::optional<Stem> stem_;
  std::vector<Stage> stages_;
  std::optional<layers::LayerNorm> norm_pre_, head_norm_;  // of cells, or of their mean
  std::optional<layers::Linear> pre_logits_, head_;
};

ConvNext::ConvNext(const Loading& from) : LoadedModel(from) {
  const Style style = style_of(from.config);
  if (naming_ == io::Naming::transformers) pooler_ = declare_output("pooler_output");
  stem_.emplace(store_, from.weights / "stem", style);
  build_head(from, build_stages(from, style), style);
}

// Returns the last stage's channels.
uint32_t ConvNext::build_stages(const Loading& from, const Style& style) {
  uint32_t channels = stem_->channels(), stride = stem_->stride();
  const auto has = [&](size_t stage, size_t block) {
    return from.weights.has(fmt::format("stages.{}.blocks.{}.conv_dw.weight", stage, block));
  };
  for (size_t i = 0; has(i, 0); ++i) {
    const io::Weights w = from.weights / "stages" / i, downsample = w / "downsample";
    Stage& stage = stages_.emplace_back();
    if (downsample.has("1.weight")) {
      const layers::ConvShape shape = patches(downsample / 1, channels);
      // timm dilates a stage instead of going beyond a stride of 32.
      if ((stride *= shape.window.stride) > 32 && naming_ == io::Naming::timm)
        throw Error(ErrorKind::model, fmt::format("[load] {}: stage {} comes to a stride of {}, beyond 32",
                                                  from.config.file.string(), i, stride));
      stage.downsample.emplace(
          Downsample{{store_, downsample / 0, channels, style.epsilon}, {store_, downsample / 1, shape}});
      channels = shape.columns;
    }
    for (size_t b = 0; has(i, b); ++b) stage.blocks.emplace_back(store_, w / "blocks" / b, channels, style);
  }
  if (stages_.empty())
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: the weights hold no stages.0.blocks.0", from.config.file.string()));
  return channels;
}

void ConvNext::build_head(const Loading& from, uint32_t channels, const Style& style) {
  const io::Weights& w = from.weights;
  if (w.has("norm_pre.weight"))
    norm_pre_.emplace(store_, w / "norm_pre", channels, style.epsilon);
  else
    head_norm_.emplace(store_, w / "head" / "norm", channels, style.head_epsilon);
  const io::Weights hidden = w / "head" / "pre_logits" / "fc";
  if (hidden.has("weight")) {
    const uint32_t columns = dimension(hidden, "weight", 2, 0);
    pre_logits_.emplace(store_, hidden, columns, channels);
    channels = columns;
  }
  head_ = classifier(from.config, w / "head" / "fc", channels);
}

// cells [images, tokens, channels] → what the classifier reads
Tensor ConvNext::pooled(Recorder& r, const Tensor& cells) const {
  Tensor y = ops::token_mean(r, cells);
  if (head_norm_) y = (*head_norm_)(r, y);
  // GELU whatever the blocks have.
  return pre_logits_ ? (*pre_logits_)(r, y, {Activation::gelu, {}, {}, {}}) : y;
}

void ConvNext::offer_head(AttentionTap& tap, const Tensor& cells, uint32_t rows, uint32_t cols) const {
  const layers::LayerNorm& norm = norm_pre_ ? *norm_pre_ : *head_norm_;
  tap.head = {cells,
              rows,
              cols,
              0,
              norm_pre_ ? PooledHead::Norm::before_pooling : PooledHead::Norm::after_pooling,
              norm.gamma(),
              norm.epsilon(),
              head_->weights()};
}

void ConvNext::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = (*stem_)(r, layers::channels_last(r, pass.input(pixels_)));
  for (const Stage& stage : stages_) {
    if (stage.downsample) x = stage.downsample->conv(r, stage.downsample->norm(r, x));
    for (const Block& block : stage.blocks) x = block(r, x);
  }
  const uint32_t images = x.shape[0], rows = x.shape[1], cols = x.shape[2], channels = x.shape[3];
  const Tensor cells = x.reshaped({images, rows * cols, channels});
  const Tensor normed = norm_pre_ ? (*norm_pre_)(r, cells) : cells;
  if (pass.wants(features_)) pass.give(features_, layers::channels_first(r, normed, rows, cols));
  if (pass.wants(logits_) || pass.wants(pooler_)) {
    const Tensor read = pooled(r, normed);
    if (pass.wants(pooler_)) pass.give(pooler_, read);
    if (pass.wants(logits_)) pass.give(logits_, head_ ? (*head_)(r, read) : read);
  }
  // With a hidden layer in the head no cell has a part of its own in a logit.
  if (pass.tap() != nullptr && head_ && !pre_logits_) offer_head(*pass.tap(), cells, rows, cols);
}

// By the whole name: those with rms in it have other norms.
bool matches(const io::ModelConfig& config) {
  static const Pattern names(
      R"((convnext(v2)?_(atto|femto|pico|nano|tiny|small|base|large|xlarge|xxlarge|huge)(_ols|_hnf|_mlp)?)"
      R"((_384)?(_in22k|_in22ft1k)?|test_convnext[23]?)(\..*)?)");
  if (config.naming == io::Naming::transformers)
    return config.model_type == "convnext" || config.model_type == "convnextv2";
  return names.matches(config.architecture);
}

}  // namespace

Family convnext_family() {
  return family<ConvNext>("ConvNeXt", "timm convnext_*, convnextv2_*; transformers convnext, convnextv2",
                          &matches, &convnext_names);
}

}  // namespace fovea
