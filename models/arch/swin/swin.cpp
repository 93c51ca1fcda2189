// Swin Transformer (Liu et al. 2021): attention in windows that shift by half their size in every second
// block.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "fovea/error.h"
#include "models/model/family.h"
#include "models/nn/attention.h"
#include "models/nn/mlp.h"
#include "models/nn/relative_position.h"
#include "models/nn/shapes.h"
#include "runtime/ops/common/gather_rows.h"
#include "runtime/ops/nn/patch_gather.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace {

using layers::dimension;

constexpr float epsilon = 1e-5F;

using Size = std::array<uint32_t, 2>;  // rows, columns

// Eq. 3: attention in windows, then the MLP.
class Block {
 public:
  Block(WeightStore& store, const io::Weights& w, uint32_t width, const layers::OffsetBias& bias)
      : norm1_(store, w / "norm1", width, epsilon),
        norm2_(store, w / "norm2", width, epsilon),
        attn_(store, w / "attn",
              {.inputs = width, .outputs = width, .heads = bias.heads, .bias = expanded(store, bias)}),
        mlp_(store, w / "mlp", width, ops::Activation::gelu) {}

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
  Merge(WeightStore& store, const io::Weights& w, uint32_t width, Size grid)
      : norm_(store, w / "norm", 4 * width, epsilon),
        reduction_(store, w / "reduction", dimension(w, "reduction.weight", 2, 0), 4 * width) {
    std::vector<uint32_t> cells;
    for (uint32_t row = 0; row < grid[0]; row += 2)
      for (uint32_t col = 0; col < grid[1]; col += 2)
        for (uint32_t i = 0; i < 4; ++i) {  // down first, as the weights have it
          const uint32_t y = row + i % 2, x = col + i / 2;
          cells.push_back(y < grid[0] && x < grid[1] ? y * grid[1] + x : 0xffffffff);
        }
    table_ = store.table(cells);
  }

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
  void forward(Pass& pass) const override;

 private:
  void add_stage(const io::ModelConfig& config, const io::Weights& w, uint32_t index, Size nominal);

  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  uint32_t patch_, width_;  // width: of the last stage so far
  Size grid_;               // likewise
  layers::Linear patch_embed_;
  std::optional<layers::LayerNorm> patch_norm_;
  std::vector<Stage> stages_;
  std::optional<layers::LayerNorm> norm_;
  std::optional<layers::Linear> head_;
};

// The window that the configuration names for a stage: one number, [rows, columns], or one of these a stage.
// Empty when it names none.
std::optional<Size> configured_window(const io::ModelConfig& config, uint32_t stage) {
  const auto found = config.model_args.find("window_size");
  if (found == config.model_args.end() || found->is_null()) return std::nullopt;
  nlohmann::json value = *found;
  if (value.is_array() && value.size() != 2 && stage < value.size()) value = value[stage];
  return io::arg_size({{"window_size", value}}, "window_size", {}, config.file, 1, 1024);
}

// Without a configured window the bias table tells it: of a square window, or of one as high or as wide as
// the grid it was trained on.
Size trained_window(const io::Weights& attn, Size trained_grid) {
  const uint32_t offsets = dimension(attn, "relative_position_bias_table", 2, 0);
  if (const uint32_t side = layers::square_window(offsets); side != 0) return {side, side};
  for (const uint32_t axis : {0U, 1U}) {
    const uint32_t known = 2 * trained_grid[axis] - 1, other = offsets / known;
    if (offsets % known != 0 || other % 2 == 0) continue;
    Size out{};
    out[axis] = trained_grid[axis];
    out[1 - axis] = (other + 1) / 2;
    return out;
  }
  throw Error(
      ErrorKind::model,
      fmt::format("[load] tensor {} has {} offsets, those of no window in a grid of {}×{}: set "
                  "window_size in model_args",
                  attn.path("relative_position_bias_table"), offsets, trained_grid[0], trained_grid[1]));
}

Size halved(Size size, uint32_t times) {
  return {size[0] >> times, size[1] >> times};
}

Swin::Swin(const Loading& from)
    : LoadedModel(from),
      patch_(dimension(from.weights, "patch_embed.proj.weight", 4, 2)),
      width_(dimension(from.weights, "patch_embed.proj.weight", 4, 0)),
      patch_embed_(store_, from.weights / "patch_embed" / "proj", width_, {width_, 3, patch_, patch_}) {
  const io::ModelConfig& config = from.config;
  const io::Weights& w = from.weights;
  if (preprocess_.height % patch_ != 0 || preprocess_.width % patch_ != 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} is not whole patches of {}×{} ({})", preprocess_.height,
                            preprocess_.width, patch_, patch_, config.architecture));
  grid_ = {preprocess_.height / patch_, preprocess_.width / patch_};
  if (w.has("patch_embed.norm.weight"))
    patch_norm_.emplace(store_, w / "patch_embed" / "norm", width_, epsilon);

  const Size nominal = grid_;
  for (uint32_t i = 0; i == 0 || w.has(fmt::format("layers.{}.blocks.0.norm1.weight", i)); ++i)
    add_stage(config, w, i, halved(nominal, i));
  norm_.emplace(store_, w / "norm", width_, epsilon);

  const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
  if (pool != "avg")
    throw Error(ErrorKind::model, fmt::format("[load] {}: global_pool is '{}', a Swin here has 'avg'",
                                              config.file.string(), pool));
  // Files of timm before 0.9 name the head without "fc".
  const io::Weights head = w.has("head.weight") ? w / "head" : w / "head" / "fc";
  head_ = classifier(config, head, width_);
}

// nominal: the stage's grid as timm counts it, halves rounded down, by which it chooses windows and shifts.
// Cells of an odd grid are merged with zeros, so the real one may be larger.
void Swin::add_stage(const io::ModelConfig& config, const io::Weights& w, uint32_t index, Size nominal) {
  const io::Weights layer = w / "layers" / index;
  if (nominal[0] == 0 || nominal[1] == 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} leaves nothing for stage {} of {}: use a larger one",
                            preprocess_.height, preprocess_.width, index, config.architecture));
  Stage& stage = stages_.emplace_back();
  if (index > 0) {
    // Files of timm before 0.9 have it at the end of the stage before.
    const bool early = w.has("layers.0.downsample.norm.weight");
    const io::Weights merge = (early ? w / "layers" / (index - 1) : layer) / "downsample";
    stage.merge.emplace(store_, merge, width_, grid_);
    width_ = dimension(merge, "reduction.weight", 2, 0);
    grid_ = {(grid_[0] + 1) / 2, (grid_[1] + 1) / 2};
  }

  const bool always = io::arg_bool(config.model_args, "always_partition", false, config.file);
  const Size trained = halved({config.preprocess.height / patch_, config.preprocess.width / patch_}, index);
  const auto configured = configured_window(config, index);
  const Size target = configured ? *configured : trained_window(layer / "blocks" / 0 / "attn", trained);
  layers::WindowShape plain{grid_[0], grid_[1], target[0], target[1]}, shifted = plain;
  shifted.shift_rows = target[0] / 2;
  shifted.shift_cols = target[1] / 2;
  if (!always && nominal[0] <= target[0]) {
    plain.window_rows = shifted.window_rows = nominal[0];
    shifted.shift_rows = 0;
  }
  if (!always && nominal[1] <= target[1]) {
    plain.window_cols = shifted.window_cols = nominal[1];
    shifted.shift_cols = 0;
  }
  stage.windows.emplace_back(store_, plain);
  stage.windows.emplace_back(store_, shifted);

  for (size_t b = 0; layer.has(fmt::format("blocks.{}.norm1.weight", b)); ++b) {
    const io::Weights block = layer / "blocks" / b;
    for (const char* buffer : {"attn_mask", "attn.relative_position_index"}) block.ignore(buffer);
    const auto bias = layers::bias_table(block / "attn", plain.window_rows, plain.window_cols);
    stage.blocks.emplace_back(store_, block, width_,
                              layers::resampled(bias, plain.window_rows, plain.window_cols));
  }
}

void Swin::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x =
      patch_embed_(r, ops::patch_gather(r, pass.input(pixels_), patch_, patch_));  // [images, cells, width]
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
  return config.naming == io::Naming::timm && config.architecture.starts_with("swin_");
}

}  // namespace

Family swin_family() {
  return family<Swin>("Swin", "timm swin_tiny to swin_large, swin_s3_*", &matches);
}

}  // namespace fovea
