// Swin Transformer (Liu et al. 2021): attention in windows that shift by half their size in every second
// block.
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "fovea/error.h"
#include "models/arch/swin/swin_config.h"
#include "models/arch/swin/swin_names.h"
#include "models/model/family.h"
#include "models/nn/attention.h"
#include "models/nn/mlp.h"
#include "models/nn/relative_position.h"
#include "models/nn/shapes.h"
#include "models/nn/shifted_windows.h"
#include "runtime/ops/common/gather_rows.h"
#include "runtime/ops/nn/embed_tokens.h"
#include "runtime/ops/nn/patch_gather.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace swin {
namespace {

using layers::dimension;
using layers::GridSize;

// Eq. 3: attention in windows, then the MLP.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, uint32_t width, const layers::OffsetBias& bias,
        const Settings& s)
      : norm1_(store, w / "norm1", width, s.epsilon),
        norm2_(store, w / "norm2", width, s.epsilon),
        attn_(store, w / "attn",
              {.inputs = width, .outputs = width, .heads = bias.heads, .bias = expanded(store, bias)}),
        mlp_(store, w / "mlp", width, s.activation) {}

  // x [images, cells, width]
  Tensor operator()(Recorder& r, const Tensor& x, const layers::Windows& windows, AttentionTap* tap) const {
    const Tensor y = attn_(r, windows.cut(r, norm1_(r, x)), windows, x, {}, tap);
    return mlp_(r, norm2_(r, y), y, {});
  }

 private:
  layers::LayerNorm norm1_, norm2_;
  layers::Attention attn_;
  layers::Mlp mlp_;
};

// Patch merging: 2 × 2 neighbours become one cell of twice the width.
class Merge {
 public:
  Merge(WeightStore& store, const io::Weights& w, uint32_t width, const GridSize& grid)
      : norm_(store, w / "norm", 4 * width, epsilon),
        reduction_(store, w / "reduction", dimension(w, "reduction.weight", 2, 0), 4 * width),
        table_(store.table(layers::cells_of_squares(grid))) {}

  Tensor operator()(Recorder& r, const Tensor& x) const {
    const Tensor four = ops::gather_rows(r, x, table_);
    return reduction_(r, norm_(r, four.reshaped({x.shape[0], table_.shape[0] / 4, 4 * x.shape[2]})));
  }

 private:
  layers::LayerNorm norm_;
  layers::Linear reduction_;
  Tensor table_;
};

struct Stage {
  std::optional<Merge> merge;
  std::vector<layers::Windows> windows;  // in place and shifted, for blocks of even and odd number
  std::vector<Block> blocks;
};

class Swin : public LoadedModel {
 public:
  explicit Swin(const Loading& from);

 private:
  void forward(Pass& pass) const override;
  Tensor embedded(Recorder& r, const Tensor& pixels) const;
  void add_stage(const io::ModelConfig& config, const io::Weights& w, uint32_t index, const Settings& s);

  const size_t pixels_ = declare_pixels(), features_ = declare_features();
  size_t pooler_output_ = no_output, logits_ = no_output;
  uint32_t patch_, width_;  // width: of the last stage so far
  GridSize grid_{};         // likewise
  layers::Linear patch_embed_;
  std::optional<layers::LayerNorm> patch_norm_;
  Tensor positions_;  // [cells, width], empty where there are none
  std::vector<Stage> stages_;
  std::optional<layers::LayerNorm> norm_;
  std::optional<layers::Linear> head_;
};

Swin::Swin(const Loading& from)
    : LoadedModel(from),
      patch_(dimension(from.weights, "patch_embed.proj.weight", 4, 2)),
      width_(dimension(from.weights, "patch_embed.proj.weight", 4, 0)),
      patch_embed_(store_, from.weights / "patch_embed" / "proj", width_, {width_, 3, patch_, patch_}) {
  const io::ModelConfig& config = from.config;
  const io::Weights& w = from.weights;
  const Settings settings = settings_of(config);
  if (preprocess_.height % patch_ != 0 || preprocess_.width % patch_ != 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} is not whole patches of {}×{} ({})", preprocess_.height,
                            preprocess_.width, patch_, patch_, config.architecture));
  grid_ = {preprocess_.height / patch_, preprocess_.width / patch_};
  if (w.has("patch_embed.norm.weight"))
    patch_norm_.emplace(store_, w / "patch_embed" / "norm", width_, epsilon);
  const uint32_t cells = grid_[0] * grid_[1];
  if (w.has("pos_embed"))
    positions_ = store_.vector(w.take("pos_embed", {1, cells, width_}), {cells, width_});

  for (uint32_t i = 0; i == 0 || w.has(fmt::format("layers.{}.blocks.0.norm1.weight", i)); ++i)
    add_stage(config, w, i, settings);
  norm_.emplace(store_, w / "norm", width_, settings.epsilon);
  // Files of timm before 0.9 name the head without "fc".
  head_ = classifier(config, w.has("head.weight") ? w / "head" : w / "head" / "fc", width_);
  w.ignore("mask_token");
  // timm gives what a head would read where there is none, transformers as an output of its own.
  if (head_ || naming_ == io::Naming::timm)
    logits_ = declare_output("logits");
  else
    pooler_output_ = declare_output("pooler_output");
}

void Swin::add_stage(const io::ModelConfig& config, const io::Weights& w, uint32_t index, const Settings& s) {
  const io::Weights layer = w / "layers" / index;
  const auto counted = [&](uint32_t height, uint32_t width) {
    return GridSize{(height / patch_) >> index, (width / patch_) >> index};
  };
  const GridSize nominal = counted(preprocess_.height, preprocess_.width);
  if (nominal[0] == 0 || nominal[1] == 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} leaves nothing for stage {} of {}: use a larger one",
                            preprocess_.height, preprocess_.width, index, config.architecture));
  Stage& stage = stages_.emplace_back();
  if (index > 0) {
    // transformers' files, and timm's before 0.9, have it at the end of the stage before.
    const bool early = w.has("layers.0.downsample.norm.weight");
    const io::Weights merge = (early ? w / "layers" / (index - 1) : layer) / "downsample";
    stage.merge.emplace(store_, merge, width_, grid_);
    width_ = dimension(merge, "reduction.weight", 2, 0);
    grid_ = {(grid_[0] + 1) / 2, (grid_[1] + 1) / 2};
  }
  const auto choice =
      windows_of(config, index, layer / "blocks" / 0 / "attn",
                 {grid_, nominal, counted(config.preprocess.height, config.preprocess.width)});
  stage.windows = layers::shifted_windows(store_, grid_, choice);
  for (size_t b = 0; layer.has(fmt::format("blocks.{}.norm1.weight", b)); ++b) {
    const io::Weights block = layer / "blocks" / b;
    for (const char* buffer : {"attn_mask", "attn.relative_position_index"}) block.ignore(buffer);
    const auto bias = layers::bias_table(block / "attn", choice.window[0], choice.window[1]);
    stage.blocks.emplace_back(store_, block, width_,
                              layers::resampled(bias, choice.window[0], choice.window[1]), s);
  }
}

// [images, cells, width]
Tensor Swin::embedded(Recorder& r, const Tensor& pixels) const {
  const Tensor x = patch_embed_(r, ops::patch_gather(r, pixels, patch_, patch_));
  const Tensor y = patch_norm_ ? (*patch_norm_)(r, x) : x;
  return positions_ ? ops::embed_tokens(r, y, positions_, 0) : y;
}

void Swin::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = embedded(r, pass.input(pixels_));
  for (const Stage& stage : stages_) {
    if (stage.merge) x = (*stage.merge)(r, x);
    for (size_t b = 0; b < stage.blocks.size(); ++b)
      x = stage.blocks[b](r, x, stage.windows[b % 2], pass.tap());
  }
  const Tensor y = (*norm_)(r, x);
  const bool grid = naming_ == io::Naming::timm;
  if (pass.wants(features_))
    pass.give(features_, grid ? y.reshaped({y.shape[0], grid_[0], grid_[1], width_}) : y);
  if (pass.wants(logits_) || pass.wants(pooler_output_)) {
    const Tensor pooled = ops::token_mean(r, y);
    if (pass.wants(pooler_output_)) pass.give(pooler_output_, pooled);
    if (pass.wants(logits_)) pass.give(logits_, head_ ? (*head_)(r, pooled) : pooled);
  }
  if (pass.tap() != nullptr && head_)
    pass.tap()->head = {x,
                        grid_[0],
                        grid_[1],
                        0,
                        PooledHead::Norm::before_pooling,
                        norm_->gamma(),
                        norm_->epsilon(),
                        head_->weights()};
}

bool matches(const io::ModelConfig& config) {
  if (config.naming == io::Naming::transformers) return config.model_type == "swin";
  return io::is_called(
      config, {"swin_{tiny,small,base,large}_patch4_window{7_224,12_384}", "swin_s3_{tiny,small,base}_224"});
}

}  // namespace
}  // namespace swin

Family swin_family() {
  return family<swin::Swin>("Swin", "timm swin_tiny to swin_large, swin_s3_*; transformers swin",
                            &swin::matches, &swin::names);
}

}  // namespace fovea
