// TinyViT (Wu et al. 2022): a convolutional first stage, then attention in windows with a convolution after
// it.
#include <fmt/format.h>

#include <optional>

#include "fovea/error.h"
#include "models/model/family.h"
#include "models/nn/attention.h"
#include "models/nn/conv.h"
#include "models/nn/layout.h"
#include "models/nn/mlp.h"
#include "models/nn/relative_position.h"
#include "models/nn/shapes.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace {

using layers::dimension;
using ops::Activation;

constexpr float epsilon = 1e-5F;

// A convolution with BatchNorm, padded so that stride 1 keeps the size; groups from the weight's shape.
struct ConvNorm {
  ConvNorm(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride = 1)
      : shape(layers::centred_conv(w / "conv", inputs, stride)), conv(store, w / "conv", w / "bn", shape) {}

  Tensor operator()(Recorder& r, const Tensor& x, Activation activation = Activation::none) const {
    return conv(r, x, {activation, {}, {}, {}});
  }

  layers::ConvShape shape;
  layers::Conv conv;
};

// Inverted bottleneck (Sandler et al. 2018), with GELU after the sum too.
class MbConv {
 public:
  MbConv(WeightStore& store, const io::Weights& w, uint32_t width)
      : expand_(store, w / "conv1", width),
        depthwise_(store, w / "conv2", expand_.shape.columns),
        project_(store, w / "conv3", depthwise_.shape.columns) {}

  Tensor operator()(Recorder& r, const Tensor& x) const {
    const Tensor h = depthwise_(r, expand_(r, x, Activation::gelu), Activation::gelu);
    return project_.conv(r, h, {Activation::none, {}, x, Activation::gelu});
  }

 private:
  ConvNorm expand_, depthwise_, project_;
};

// Halves the grid between two 1×1 convolutions.
class Merge {
 public:
  Merge(WeightStore& store, const io::Weights& w, uint32_t inputs)
      : widen_(store, w / "conv1", inputs),
        halve_(store, w / "conv2", widen_.shape.columns, 2),
        mix_(store, w / "conv3", halve_.shape.columns) {}

  Tensor operator()(Recorder& r, const Tensor& x) const {
    return mix_(r, halve_(r, widen_(r, x, Activation::gelu), Activation::gelu));
  }
  const ops::Window& window() const { return halve_.shape.window; }
  uint32_t width() const { return mix_.shape.columns; }

 private:
  ConvNorm widen_, halve_, mix_;
};

// Attention in windows, a depthwise convolution, MLP. The first norm sees the empty cells of windows at the
// edge too: there its bias attends and is attended to.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, uint32_t width)
      : attn_norm_(store, w / "attn" / "norm", width, epsilon),
        mlp_norm_(store, w / "mlp" / "norm", width, epsilon),
        attn_(store, w / "attn", attention_shape(store, width, layers::distance_bias(w / "attn"))),
        local_(store, w / "local_conv", width),
        mlp_(store, w / "mlp", width, Activation::gelu) {}

  // x [images, rows, cols, width]
  Tensor operator()(Recorder& r, const Tensor& x, const layers::Windows& windows, AttentionTap* tap) const {
    const Tensor cells = x.reshaped({x.shape[0], x.shape[1] * x.shape[2], x.shape[3]});
    const Tensor y = attn_(r, attn_norm_(r, windows.cut(r, cells)), windows, cells, {}, tap);
    const Tensor z = local_(r, y.reshaped(x.shape));
    return mlp_(r, mlp_norm_(r, z), z, {});
  }

 private:
  static layers::AttentionShape attention_shape(WeightStore& store, uint32_t width,
                                                const layers::OffsetBias& bias) {
    return {.inputs = width,
            .outputs = width,
            .heads = bias.heads,
            .order = layers::QkvOrder::heads_first,
            .bias = expanded(store, bias)};
  }

  layers::LayerNorm attn_norm_, mlp_norm_;
  layers::Attention attn_;
  ConvNorm local_;
  layers::Mlp mlp_;
};

struct Stage {
  Merge merge;
  layers::Windows windows;
  std::vector<Block> blocks;
};

class TinyVit : public LoadedModel {
 public:
  explicit TinyVit(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  ConvNorm stem1_, stem2_;
  std::vector<MbConv> convolutions_;  // stage 0
  std::vector<Stage> stages_;
  std::optional<layers::LayerNorm> norm_;
  std::optional<layers::Linear> head_;
};

// All blocks of a stage share one table of windows, and so one size of window.
uint32_t window_of(const io::Weights& stage, size_t blocks) {
  uint32_t side = 0;
  for (size_t b = 0; b < blocks; ++b) {
    const io::Weights attn = stage / "blocks" / b / "attn";
    attn.ignore("attention_bias_idxs");
    const uint32_t cells = dimension(attn, "attention_biases", 2, 1);
    uint32_t own = 1;
    while (own * own < cells) ++own;
    if (own * own != cells || (b != 0 && own != side))
      throw Error(ErrorKind::model,
                  fmt::format("[load] tensor {} has {} biases a head, a square window as that of the stage's "
                              "first block needs {}",
                              attn.path("attention_biases"), cells, b == 0 ? own * own : side * side));
    side = own;
  }
  return side;
}

TinyVit::TinyVit(const Loading& from)
    : LoadedModel(from),
      stem1_(store_, from.weights / "patch_embed" / "conv1", 3, 2),
      stem2_(store_, from.weights / "patch_embed" / "conv2", stem1_.shape.columns, 2) {
  const io::ModelConfig& config = from.config;
  const io::Weights& w = from.weights;
  uint32_t rows = preprocess_.height, cols = preprocess_.width;
  const auto shrink = [&](const ops::Window& window) {
    rows = window.out_rows(rows);
    cols = window.out_cols(cols);
  };
  shrink(stem1_.shape.window);
  shrink(stem2_.shape.window);

  uint32_t width = stem2_.shape.columns;
  const auto depth = [](const io::Weights& stage, const char* what) {
    size_t n = 0;
    while (stage.has(fmt::format("blocks.{}.{}", n, what))) ++n;
    return n;
  };
  const io::Weights first = w / "stages" / 0;
  for (size_t b = 0; b < depth(first, "conv1.conv.weight"); ++b)
    convolutions_.emplace_back(store_, first / "blocks" / b, width);
  for (size_t i = 1; w.has(fmt::format("stages.{}.downsample.conv1.conv.weight", i)); ++i) {
    const io::Weights stage = w / "stages" / i;
    const size_t blocks = depth(stage, "attn.attention_biases");
    const uint32_t side = window_of(stage, blocks);
    Merge merge(store_, stage / "downsample", width);
    shrink(merge.window());
    width = merge.width();
    if (rows == 0 || cols == 0 || blocks == 0)
      throw Error(rows == 0 || cols == 0 ? ErrorKind::usage : ErrorKind::model,
                  fmt::format("[load] {}: stage {} has {} blocks on a grid of {}×{}", config.architecture, i,
                              blocks, rows, cols));
    stages_.push_back({std::move(merge), {store_, {rows, cols, side, side}}, {}});
    for (size_t b = 0; b < blocks; ++b)
      stages_.back().blocks.emplace_back(store_, stage / "blocks" / b, width);
  }

  io::check_known_args(
      config, {"embed_dims", "depths", "num_heads", "window_sizes", "mlp_ratio", "mbconv_expand_ratio"});
  const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
  if (pool != "avg")
    throw Error(ErrorKind::model, fmt::format("[load] {}: global_pool is '{}', a TinyViT here has 'avg'",
                                              config.file.string(), pool));
  norm_.emplace(store_, w / "head" / "norm", width, epsilon);
  head_ = classifier(config, w / "head" / "fc", width);
}

void TinyVit::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = layers::channels_last(r, pass.input(pixels_));
  x = stem2_(r, stem1_(r, x, Activation::gelu));  // [images, rows, cols, channels]
  for (const MbConv& block : convolutions_) x = block(r, x);
  for (const Stage& stage : stages_) {
    x = stage.merge(r, x);
    for (const Block& block : stage.blocks) x = block(r, x, stage.windows, pass.tap());
  }
  const uint32_t images = x.shape[0], rows = x.shape[1], cols = x.shape[2], channels = x.shape[3];
  const Tensor cells = x.reshaped({images, rows * cols, channels});
  if (pass.wants(features_)) pass.give(features_, layers::channels_first(r, cells, rows, cols));
  if (pass.wants(logits_)) {
    const Tensor pooled = (*norm_)(r, ops::token_mean(r, cells));
    pass.give(logits_, head_ ? (*head_)(r, pooled) : pooled);
  }
  if (pass.tap() != nullptr && head_)
    pass.tap()->head = {
        cells,           rows, cols, 0, PooledHead::Norm::after_pooling, norm_->gamma(), norm_->epsilon(),
        head_->weights()};
}

bool matches(const io::ModelConfig& config) {
  return io::is_called(config, {"tiny_vit_{5m_224,11m_224,21m_224,21m_384,21m_512}"});
}

}  // namespace

Family tiny_vit_family() {
  return family<TinyVit>("TinyViT", "timm tiny_vit_5m, 11m, 21m", &matches);
}

}  // namespace fovea
