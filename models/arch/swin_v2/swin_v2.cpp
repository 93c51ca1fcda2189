// Swin Transformer V2 (Liu et al. 2022): cosine attention in shifted windows, a position bias that an MLP
// makes of offsets, and norms of what a block adds instead of what it reads.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "fovea/error.h"
#include "models/arch/swin_v2/continuous_bias.h"
#include "models/arch/swin_v2/swin_v2_config.h"
#include "models/model/family.h"
#include "models/nn/attention.h"
#include "models/nn/mlp.h"
#include "models/nn/shapes.h"
#include "models/nn/shifted_windows.h"
#include "runtime/ops/common/gather_rows.h"
#include "runtime/ops/nn/modulate.h"
#include "runtime/ops/nn/patch_gather.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace swin_v2 {
namespace {

using layers::dimension;
using layers::GridSize;

constexpr float epsilon = 1e-5F;

Tensor sum(Recorder& r, const Tensor& a, const Tensor& b) {
  return ops::modulate(r, a, {.residual = b});
}

// Eq. 2: logits are cosines times exp(logit_scale), which the training kept below 100.
std::vector<float> factors_of(const io::Weights& attn) {
  const uint32_t heads = dimension(attn, "logit_scale", 3, 0);
  std::vector<float> out = attn.take("logit_scale", {heads, 1, 1});
  for (float& factor : out) factor = std::exp(std::min(factor, std::log(100.0F)));
  return out;
}

layers::AttentionShape attention_shape(WeightStore& store, const io::Weights& w, uint32_t width,
                                       const GridSize& window, uint32_t trained_window) {
  layers::AttentionShape out{.inputs = width, .outputs = width};
  out.cosine = factors_of(w);
  out.heads = static_cast<uint32_t>(out.cosine.size());
  out.bias = expanded(store, continuous_bias(w, out.heads, window[0], window[1], trained_window));
  return out;
}

// Fig. 1, right: res-post-norm.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, uint32_t width, const GridSize& window,
        uint32_t trained_window, ops::Activation activation)
      : attn_(store, w / "attn", attention_shape(store, w / "attn", width, window, trained_window)),
        norm1_(store, w / "norm1", width, epsilon),
        mlp_(store, w / "mlp", width, activation),
        norm2_(store, w / "norm2", width, epsilon) {}

  // x [images, cells, width]
  Tensor operator()(Recorder& r, const Tensor& x, const layers::Windows& windows, AttentionTap* tap) const {
    const Tensor y = sum(r, norm1_(r, attn_(r, windows.cut(r, x), windows, {}, {}, tap)), x);
    return sum(r, norm2_(r, mlp_(r, y, {}, {})), y);
  }

 private:
  layers::Attention attn_;
  layers::LayerNorm norm1_;
  layers::Mlp mlp_;
  layers::LayerNorm norm2_;
};

// Patch merging: 2 × 2 neighbours become one cell of twice the width, and then the norm.
class Merge {
 public:
  Merge(WeightStore& store, const io::Weights& w, uint32_t width, const GridSize& grid)
      : reduction_(store, w / "reduction", dimension(w, "reduction.weight", 2, 0), 4 * width),
        norm_(store, w / "norm", dimension(w, "reduction.weight", 2, 0), epsilon),
        table_(store.table(layers::cells_of_squares(grid))) {}

  Tensor operator()(Recorder& r, const Tensor& x) const {
    const Tensor four = ops::gather_rows(r, x, table_);
    return norm_(r, reduction_(r, four.reshaped({x.shape[0], table_.shape[0] / 4, 4 * x.shape[2]})));
  }

 private:
  layers::Linear reduction_;
  layers::LayerNorm norm_;
  Tensor table_;
};

struct Stage {
  std::optional<Merge> merge;
  std::vector<layers::Windows> windows;  // in place and shifted, for blocks of even and odd number
  std::vector<Block> blocks;
};

class SwinV2 : public LoadedModel {
 public:
  explicit SwinV2(const Loading& from);

 private:
  void forward(Pass& pass) const override;
  void add_stage(const io::Weights& w, uint32_t index, const GridSize& nominal, const Settings& settings);

  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  uint32_t patch_, width_;  // width: of the last stage so far
  GridSize grid_{};         // likewise
  layers::Linear patch_embed_;
  std::optional<layers::LayerNorm> patch_norm_;
  std::vector<Stage> stages_;
  std::optional<layers::LayerNorm> norm_;
  std::optional<layers::Linear> head_;
};

SwinV2::SwinV2(const Loading& from)
    : LoadedModel(from),
      patch_(dimension(from.weights, "patch_embed.proj.weight", 4, 2)),
      width_(dimension(from.weights, "patch_embed.proj.weight", 4, 0)),
      patch_embed_(store_, from.weights / "patch_embed" / "proj", width_, {width_, 3, patch_, patch_}) {
  const io::Weights& w = from.weights;
  const Settings settings = settings_of(from.config);
  if (preprocess_.height % patch_ != 0 || preprocess_.width % patch_ != 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} is not whole patches of {}×{} ({})", preprocess_.height,
                            preprocess_.width, patch_, patch_, info_.architecture));
  grid_ = {preprocess_.height / patch_, preprocess_.width / patch_};
  if (w.has("patch_embed.norm.weight"))
    patch_norm_.emplace(store_, w / "patch_embed" / "norm", width_, epsilon);

  const GridSize nominal = grid_;
  for (uint32_t i = 0; i == 0 || w.has(fmt::format("layers.{}.blocks.0.norm1.weight", i)); ++i)
    add_stage(w, i, {nominal[0] >> i, nominal[1] >> i}, settings);
  norm_.emplace(store_, w / "norm", width_, epsilon);
  // Files of the paper's authors name the head without "fc".
  head_ = classifier(from.config, w.has("head.weight") ? w / "head" : w / "head" / "fc", width_);
}

void SwinV2::add_stage(const io::Weights& w, uint32_t index, const GridSize& nominal,
                       const Settings& settings) {
  const io::Weights layer = w / "layers" / index;
  if (nominal[0] == 0 || nominal[1] == 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} leaves nothing for stage {} of {}: use a larger one",
                            preprocess_.height, preprocess_.width, index, info_.architecture));
  Stage& stage = stages_.emplace_back();
  if (index > 0) {
    // The authors' files have it at the end of the stage before.
    const bool early = w.has("layers.0.downsample.norm.weight");
    const io::Weights merge = (early ? w / "layers" / (index - 1) : layer) / "downsample";
    stage.merge.emplace(store_, merge, width_, grid_);
    width_ = dimension(merge, "reduction.weight", 2, 0);
    grid_ = {(grid_[0] + 1) / 2, (grid_[1] + 1) / 2};
  }
  const auto choice = layers::fitted_window(nominal, settings.window, settings.always_partition);
  stage.windows = layers::shifted_windows(store_, grid_, choice);
  for (size_t b = 0; layer.has(fmt::format("blocks.{}.norm1.weight", b)); ++b) {
    const io::Weights block = layer / "blocks" / b;
    for (const char* buffer : {"attn_mask", "attn.relative_position_index", "attn.relative_coords_table"})
      block.ignore(buffer);
    stage.blocks.emplace_back(store_, block, width_, choice.window, settings.trained_window(index),
                              settings.activation);
  }
}

void SwinV2::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  // [images, cells, width]
  Tensor x = patch_embed_(r, ops::patch_gather(r, pass.input(pixels_), patch_, patch_));
  if (patch_norm_) x = (*patch_norm_)(r, x);
  for (const Stage& stage : stages_) {
    if (stage.merge) x = (*stage.merge)(r, x);
    for (size_t b = 0; b < stage.blocks.size(); ++b)
      x = stage.blocks[b](r, x, stage.windows[b % 2], pass.tap());
  }
  const Tensor y = (*norm_)(r, x);
  if (pass.wants(features_)) pass.give(features_, y.reshaped({y.shape[0], grid_[0], grid_[1], width_}));
  if (pass.wants(logits_)) {
    const Tensor pooled = ops::token_mean(r, y);
    pass.give(logits_, head_ ? (*head_)(r, pooled) : pooled);
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
  return config.naming == io::Naming::timm && is_name(config.architecture);
}

}  // namespace
}  // namespace swin_v2

Family swin_v2_family() {
  return family<swin_v2::SwinV2>("Swin v2", "timm swinv2_tiny to swinv2_large", &swin_v2::matches);
}

}  // namespace fovea
