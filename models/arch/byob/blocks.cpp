#include "models/arch/byob/blocks.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "models/nn/layout.h"
#include "models/nn/shapes.h"
#include "runtime/ops/conv/pool.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea::byob {
namespace {

using ops::Activation;

const ops::Window stem_pool = ops::Window::square(3, 2, 1);

FeatureMap after(const FeatureMap& in, const layers::ConvShape& conv) {
  return {conv.window.out_rows(in.rows), conv.window.out_cols(in.cols), conv.columns,
          in.reduction * conv.window.stride};
}

// These change the mathematics and leave no trace in the weights.
void check_settings(const io::ModelConfig& config) {
  io::check_known_args(
      config, {"act_layer", "output_stride", "stem_chs", "widths", "repeats", "num_features", "num_heads",
               "patch_size", "bottle_ratio", "transformer_dims", "transformer_depths"});
  const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
  const uint32_t output_stride = io::arg_uint(config.model_args, "output_stride", 32, config.file);
  const uint32_t heads = io::arg_uint(config.model_args, "num_heads", 4, config.file),
                 patch = io::arg_uint(config.model_args, "patch_size", 2, config.file);
  if (heads != 4 || patch != 2)
    throw Error(ErrorKind::model, fmt::format("[load] {}: num_heads is {} and patch_size {}; {} has 4 and 2",
                                              config.file.string(), heads, patch, config.architecture));
  if (pool != "avg" || output_stride != 32)
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: global_pool '{}' and output_stride {}; {} has 'avg' and 32",
                            config.file.string(), pool, output_stride, config.architecture));
}

}  // namespace

ConvNorm::ConvNorm(WeightStore& store, const io::Weights& w, const FeatureMap& in, uint32_t stride,
                   Activation activation)
    : out_(after(in, layers::centred_conv(w / "conv", in.channels, stride))),
      activation_(activation),
      conv_(store, w / "conv", w / "bn", layers::centred_conv(w / "conv", in.channels, stride)) {}

Shortcut::Shortcut(WeightStore& store, const io::Weights& w, const FeatureMap& in, const FeatureMap& out,
                   uint32_t stride, const Style& style)
    : identity_(in.channels == out.channels && stride == 1) {
  if (identity_ || !style.projects) return;
  conv_.emplace(store, w, in, stride, Activation::none);
  const FeatureMap& got = conv_->out();
  if (got.rows != out.rows || got.cols != out.cols || got.channels != out.channels)
    throw Error(ErrorKind::model,
                fmt::format("[load] {} gives a map {}×{}×{}, its block one {}×{}×{}", w.scope(), got.rows,
                            got.cols, got.channels, out.rows, out.cols, out.channels));
}

Bottleneck::Bottleneck(WeightStore& store, const io::Weights& w, const FeatureMap& in, uint32_t stride,
                       const Style& style)
    : final_(style.final),
      conv1_(store, w / "conv1_1x1", in, 1, style.activation),
      conv2_(store, w / "conv2_kxk", conv1_.out(), stride, style.activation),
      conv3_(store, w / "conv3_1x1", conv2_.out(), 1, Activation::none),
      shortcut_(store, w / "shortcut", in, conv3_.out(), stride, style) {}

Tensor Bottleneck::operator()(Recorder& r, const Tensor& x, AttentionTap*) const {
  return conv3_(r, conv2_(r, conv1_(r, x)), shortcut_(r, x), final_);
}

// One convolution, or several behind which timm pools (its "tiered" stems). The first has stride 2.
FeatureMap Network::build_stem(const io::Weights& w) {
  FeatureMap map{preprocess_.height, preprocess_.width, 3};
  const auto add = [&](const io::Weights& conv) {
    stem_.emplace_back(store_, conv, map, stem_.empty() ? 2 : 1, style_.activation);
    map = stem_.back().out();
  };
  pools_ = !w.has("conv.weight");
  if (!pools_) {
    add(w);
    return map;
  }
  do add(w / fmt::format("conv{}", stem_.size() + 1));
  while (w.has(fmt::format("conv{}.conv.weight", stem_.size() + 1)));
  return {stem_pool.out_rows(map.rows), stem_pool.out_cols(map.cols), map.channels, 2 * map.reduction};
}

Network::Network(const Loading& from, const Style& style, MakeBlock make) : LoadedModel(from), style_(style) {
  const io::ModelConfig& config = from.config;
  const io::Weights& w = from.weights;
  check_settings(config);

  FeatureMap map = build_stem(w / "stem");
  const auto has_block = [&](uint32_t stage, uint32_t block) {
    for (const char* first : {"conv1_1x1", "conv_kxk"})
      if (w.has(fmt::format("stages.{}.{}.{}.conv.weight", stage, block, first))) return true;
    return false;
  };
  for (uint32_t stage = 0; has_block(stage, 0); ++stage)
    for (uint32_t block = 0; has_block(stage, block); ++block) {
      const uint32_t stride = stage != 0 && block == 0 ? 2 : 1;
      blocks_.push_back(make(store_, w / "stages" / stage / block, map, stride, style_));
      map = blocks_.back()->out();
    }
  if (blocks_.empty())
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: the weights hold no stages.0.0", config.file.string()));
  if (w.has("final_conv.conv.weight")) {
    final_conv_.emplace(store_, w / "final_conv", map, 1, style_.activation);
    map = final_conv_->out();
  }

  head_ = classifier(config, w / "head" / "fc", map.channels);
}

void Network::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = layers::channels_last(r, pass.input(pixels_));
  for (const auto& conv : stem_) x = conv(r, x);
  if (pools_) x = ops::pool(r, x, stem_pool, ops::PoolKind::max, /*count_pad=*/false, /*ceil=*/false);
  for (const auto& block : blocks_) x = (*block)(r, x, pass.tap());
  if (final_conv_) x = (*final_conv_)(r, x);

  const uint32_t images = x.shape[0], rows = x.shape[1], cols = x.shape[2], channels = x.shape[3];
  const Tensor cells = x.reshaped({images, rows * cols, channels});
  if (pass.wants(features_)) pass.give(features_, layers::channels_first(r, cells, rows, cols));
  if (pass.wants(logits_)) {
    const Tensor pooled = ops::token_mean(r, cells);
    pass.give(logits_, head_ ? (*head_)(r, pooled) : pooled);
  }
  if (pass.tap() != nullptr && head_)
    pass.tap()->head = {cells, rows, cols, 0, PooledHead::Norm::none, {}, 0, head_->weights()};
}

}  // namespace fovea::byob
