// Pyramid Vision Transformer v2 (Wang et al. 2022): overlapping patches, and attention whose keys and values
// come from a smaller copy of the feature map.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "fovea/error.h"
#include "models/model/family.h"
#include "models/nn/conv.h"
#include "models/nn/layer_norm.h"
#include "models/nn/layout.h"
#include "models/nn/linear.h"
#include "models/nn/shapes.h"
#include "runtime/ops/conv/adaptive_mean.h"
#include "runtime/ops/nn/modulate.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace {

using layers::dimension;
using ops::Activation;

constexpr uint32_t linear_grid = 7;  // keys of linear attention, in rows and in columns

// timm's epsilons: of blocks and stages, and of the two norms that it leaves at torch's default.
constexpr float block_epsilon = 1e-6F, patch_epsilon = 1e-5F, keys_epsilon = 1e-5F;

struct Grid {
  uint32_t rows, cols;
  Grid after(const ops::Window& w) const { return {w.out_rows(rows), w.out_cols(cols)}; }
};

// Eqs. 1 and 2 of the first paper (Wang et al. 2021), spatial-reduction attention: queries at every pixel,
// keys and values at one in size × size. Linear attention, of the second paper, averages to 7 × 7 instead.
class Attention {
 public:
  Attention(WeightStore& store, const io::Weights& w, uint32_t width, uint32_t heads);
  // y = residual + proj(attention(x)), x [images, rows, cols, width]
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual, AttentionTap* tap) const;
  bool linear() const { return linear_; }
  Grid keys(Grid grid) const {
    if (linear_) return {linear_grid, linear_grid};
    return window_ ? grid.after(*window_) : grid;
  }

 private:
  std::string name_;
  uint32_t width_, heads_;
  std::optional<ops::Window> window_;  // of the reduction
  bool linear_ = false;
  layers::Linear q_, kv_, proj_;
  std::optional<layers::Conv> reduce_;
  std::optional<layers::LayerNorm> norm_;
};

Attention::Attention(WeightStore& store, const io::Weights& w, uint32_t width, uint32_t heads)
    : name_(w.scope()),
      width_(width),
      heads_(heads),
      q_(store, w / "q", width, width),
      kv_(store, w / "kv", 2 * width, width),
      proj_(store, w / "proj", width, width) {
  if (!w.has("sr.weight")) return;
  const uint32_t size = dimension(w, "sr.weight", 4, 2);
  window_ = ops::Window::square(size, size);
  linear_ = size == 1;  // a reduction by one would have no convolution
  reduce_.emplace(store, w / "sr", layers::ConvShape{width, width, 1, *window_});
  norm_.emplace(store, w / "norm", width, keys_epsilon);
}

Tensor Attention::operator()(Recorder& r, const Tensor& x, const Tensor& residual, AttentionTap* tap) const {
  const uint32_t images = x.shape[0], queries = x.shape[1] * x.shape[2];
  Tensor small = x;  // [images, key rows, key cols, width]
  if (linear_) small = ops::adaptive_mean(r, small, linear_grid, linear_grid);
  if (reduce_) small = (*norm_)(r, (*reduce_)(r, small));
  if (linear_) small = ops::modulate(r, small, {.activation = Activation::gelu});
  const uint32_t keys = small.shape[1] * small.shape[2];

  const uint32_t head = width_ / heads_;          // channels
  const Tensor q = q_(r, x), kv = kv_(r, small);  // [..., width], [..., 2 * width]
  const ops::AttentionInput input{q,
                                  kv,
                                  kv,
                                  {.images = images,
                                   .queries = queries,
                                   .keys = keys,
                                   .heads = heads_,
                                   .width = head,
                                   .q_first = 0,
                                   .q_image = queries * width_,
                                   .q_token = width_,
                                   .k_first = 0,
                                   .v_first = width_,
                                   .kv_image = keys * 2 * width_,
                                   .kv_token = 2 * width_,
                                   .scale = 1.0F / std::sqrt(static_cast<float>(head))}};
  const auto [o, lse] = ops::attention(r, input);
  if (tap != nullptr) {
    AttentionRecord record;
    record.layer.name = name_;
    record.layer.heads = heads_;
    record.layer.rows = x.shape[1];
    record.layer.cols = x.shape[2];
    record.input = input;
    record.lse = lse;
    record.key_rows = small.shape[1];
    record.key_cols = small.shape[2];
    tap->layers.push_back(std::move(record));
  }
  return proj_(r, o, {Activation::none, {}, residual, {}}).reshaped(x.shape);
}

// fc2(gelu(depthwise(fc1(x)))); linear attention's has a ReLU before the convolution.
class Mlp {
 public:
  Mlp(WeightStore& store, const io::Weights& w, uint32_t width, bool relu)
      : relu_(relu),
        hidden_(dimension(w, "fc1.weight", 2, 0)),
        fc1_(store, w / "fc1", hidden_, width),
        fc2_(store, w / "fc2", width, hidden_),
        depthwise_(store, w / "dwconv", layers::centred_conv(w / "dwconv", hidden_)) {}

  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual) const {
    const Tensor h = fc1_(r, x, {relu_ ? Activation::relu : Activation::none, {}, {}, {}});
    return fc2_(r, depthwise_(r, h, {Activation::gelu, {}, {}, {}}), {Activation::none, {}, residual, {}});
  }

 private:
  bool relu_;
  uint32_t hidden_;
  layers::Linear fc1_, fc2_;
  layers::Conv depthwise_;
};

class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, uint32_t width, uint32_t heads)
      : norm1_(store, w / "norm1", width, block_epsilon),
        norm2_(store, w / "norm2", width, block_epsilon),
        attn_(store, w / "attn", width, heads),
        mlp_(store, w / "mlp", width, attn_.linear()) {}

  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
    const Tensor y = attn_(r, norm1_(r, x), x, tap);
    return mlp_(r, norm2_(r, y), y);
  }
  const Attention& attention() const { return attn_; }

 private:
  layers::LayerNorm norm1_, norm2_;
  Attention attn_;
  Mlp mlp_;
};

// Patches that overlap: a convolution whose kernel is wider than its stride, then LayerNorm.
class PatchEmbed {
 public:
  PatchEmbed(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride)
      : shape_(layers::centred_conv(w / "proj", inputs, stride)),
        proj_(store, w / "proj", shape_),
        norm_(store, w / "norm", shape_.columns, patch_epsilon) {}

  Tensor operator()(Recorder& r, const Tensor& x) const { return norm_(r, proj_(r, x)); }
  const layers::ConvShape& shape() const { return shape_; }

 private:
  layers::ConvShape shape_;
  layers::Conv proj_;
  layers::LayerNorm norm_;
};

struct Stage {
  Stage(WeightStore& store, const io::Weights& patches, const io::Weights& w, uint32_t inputs,
        uint32_t stride)
      : embed(store, patches, inputs, stride),
        width(embed.shape().columns),
        norm(store, w / "norm", width, block_epsilon) {}

  PatchEmbed embed;
  uint32_t width;
  std::vector<Block> blocks;
  layers::LayerNorm norm;
};

// Heads are in no tensor's shape; all models with a name have 1, 2, 5 and 8.
uint32_t heads_of(const io::ModelConfig& config, uint32_t stage, uint32_t stages, uint32_t width) {
  const nlohmann::json& args = config.model_args;
  const nlohmann::json all =
      config.model_args.gives("num_heads") ? args["num_heads"] : nlohmann::json::array({1U, 2U, 5U, 8U});
  if (all.is_array() && all.size() != stages)
    throw Error(ErrorKind::model, fmt::format("[load] {}: num_heads names {} stages, the weights hold {}",
                                              config.file.string(), all.size(), stages));
  const uint32_t heads =
      io::arg_uint({{"num_heads", all.is_array() ? all[stage] : all}}, "num_heads", 0, config.file, 1, 1024);
  if (width % heads != 0)
    throw Error(ErrorKind::model, fmt::format("[load] {}: {} channels of stage {} do not split into {} heads",
                                              config.file.string(), width, stage, heads));
  return heads;
}

class PvtV2 : public LoadedModel {
 public:
  explicit PvtV2(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  std::vector<Stage> stages_;
  std::optional<layers::Linear> head_;
};

PvtV2::PvtV2(const Loading& from) : LoadedModel(from) {
  const io::ModelConfig& config = from.config;
  const io::Weights& w = from.weights;

  uint32_t count = 0, width = 3;
  while (w.has(fmt::format("stages.{}.norm.weight", count))) ++count;
  Grid grid{preprocess_.height, preprocess_.width};
  for (uint32_t s = 0; s < std::max(count, 1U); ++s) {
    const io::Weights stage = w / "stages" / s;
    stages_.emplace_back(store_, s == 0 ? w / "patch_embed" : stage / "downsample", stage, width,
                         s == 0 ? 4 : 2);
    width = stages_.back().width;
    grid = grid.after(stages_.back().embed.shape().window);
    const uint32_t heads = heads_of(config, s, count, width);
    for (uint32_t b = 0; stage.has(fmt::format("blocks.{}.norm1.weight", b)); ++b) {
      const Block& block = stages_.back().blocks.emplace_back(store_, stage / "blocks" / b, width, heads);
      const Grid keys = block.attention().keys(grid);
      if (keys.rows == 0 || keys.cols == 0)
        throw Error(
            ErrorKind::usage,
            fmt::format("[load] an input of {}×{} leaves stage {} of {} a grid of {}×{}, too small for "
                        "its keys: use a larger one",
                        preprocess_.height, preprocess_.width, s, config.architecture, grid.rows, grid.cols));
    }
  }

  io::check_known_args(
      config, {"embed_dims", "depths", "num_heads", "sr_ratios", "mlp_ratios", "qkv_bias", "linear"});
  const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
  if (pool != "avg")
    throw Error(ErrorKind::model, fmt::format("[load] {}: global_pool is '{}', a PVTv2 here has 'avg'",
                                              config.file.string(), pool));
  head_ = classifier(config, w / "head", width);
}

void PvtV2::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = layers::channels_last(r, pass.input(pixels_));
  Tensor last;  // before the norm of its stage
  for (const Stage& stage : stages_) {
    x = stage.embed(r, x);  // [images, rows, cols, width]
    for (const Block& block : stage.blocks) x = block(r, x, pass.tap());
    last = x;
    x = stage.norm(r, x);
  }
  const uint32_t images = x.shape[0], rows = x.shape[1], cols = x.shape[2], columns = x.shape[3];
  const Tensor cells = x.reshaped({images, rows * cols, columns});
  if (pass.wants(features_)) pass.give(features_, layers::channels_first(r, cells, rows, cols));
  if (pass.wants(logits_)) {
    const Tensor pooled = ops::token_mean(r, cells);
    pass.give(logits_, head_ ? (*head_)(r, pooled) : pooled);
  }
  if (pass.tap() != nullptr && head_) {
    const auto& norm = stages_.back().norm;
    pass.tap()->head = {last.reshaped(cells.shape),       rows,         cols,           0,
                        PooledHead::Norm::before_pooling, norm.gamma(), norm.epsilon(), head_->weights()};
  }
}

bool matches(const io::ModelConfig& config) {
  return io::is_called(config, {"pvt_v2_b{0,1,2,2_li,3,4,5}"});
}

}  // namespace

Family pvt_v2_family() {
  return family<PvtV2>("PVTv2", "timm pvt_v2_b0 to pvt_v2_b5, pvt_v2_b2_li", &matches);
}

}  // namespace fovea
