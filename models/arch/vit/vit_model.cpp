#include "models/arch/vit/vit_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fovea/error.h"
#include "models/nn/shapes.h"
#include "runtime/ops/nn/embed_tokens.h"

namespace fovea {
namespace {

void check_size(const VitShape& s, const ModelInfo& info) {
  const uint32_t height = info.height, width = info.width;
  if (height % s.patch.rows != 0 || width % s.patch.cols != 0 || height == 0 || width == 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} is not whole patches of {}×{} ({}): use {}×{}", height,
                            width, s.patch.rows, s.patch.cols, info.architecture,
                            std::max(1U, height / s.patch.rows) * s.patch.rows,
                            std::max(1U, width / s.patch.cols) * s.patch.cols));
}

// [class token, mean of patches] as two layers whose answers add up.
std::array<layers::LinearNumbers, 2> halves(const layers::LinearNumbers& whole) {
  std::array<layers::LinearNumbers, 2> out;
  const uint32_t inputs = whole.inputs / 2;
  for (size_t half = 0; half < 2; ++half) {
    out[half] = {whole.name, whole.columns, inputs, {}, half == 0 ? whole.bias : std::vector<float>()};
    for (uint32_t row = 0; row < whole.columns; ++row) {
      const auto first = whole.weight.begin() + static_cast<std::ptrdiff_t>((2 * row + half) * inputs);
      out[half].weight.insert(out[half].weight.end(), first, first + inputs);
    }
  }
  return out;
}

TokenGrid grid_of(const VitShape& s, const ModelInfo& info) {
  TokenGrid out;
  out.rows = info.height / s.patch.rows;
  out.cols = info.width / s.patch.cols;
  out.prefix_tokens = s.prefix();
  out.has_cls = s.cls;
  return out;
}

// Rows of pos_embed, and what they are of.
struct Trained {
  uint32_t rows, cols;
  uint32_t prefix;  // tokens before the patches that have a position
};

Trained trained_positions(const VitShape& s, const io::ModelConfig& config, uint32_t positions) {
  const auto grid = s.positions.grid.value_or(
      std::array{config.preprocess.height / s.patch.rows, config.preprocess.width / s.patch.cols});
  const uint32_t patches = grid[0] * grid[1];
  const uint32_t prefix = s.positions.prefix.value_or(positions == patches ? 0 : s.prefix());
  if (positions != patches + prefix || prefix > s.prefix())
    throw Error(
        ErrorKind::model,
        fmt::format(
            "[load] {}: pos_embed has {} positions, a {}×{} grid of patches and {} of {} tokens before "
            "them need {}",
            config.file.string(), positions, grid[0], grid[1], prefix, s.prefix(), patches + prefix));
  return {grid[0], grid[1], prefix};
}

}  // namespace

VitShape vit_sizes(const Loading& from) {
  const io::Weights& w = from.weights;
  VitShape s;
  s.patch = layers::patch_shape(w);
  s.width = s.patch.width;
  while (w.has(fmt::format("blocks.{}.norm1.weight", s.depth))) ++s.depth;
  if (s.depth == 0)
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: the weights hold no blocks.0", from.config.file.string()));
  s.cls = w.has("cls_token");
  s.dist = w.has("dist_token");
  s.registers = w.has("reg_token") ? layers::dimension(w, "reg_token", 3, 1) : 0;
  return s;
}

Vit::Vit(const Loading& from, const VitShape& shape)
    : LoadedModel(from), s_(shape), grid_(grid_of(s_, info_)), patch_embed_(store_, from.weights, s_.patch) {
  const io::Weights& w = from.weights;
  check_size(s_, info_);
  table_ = token_table(from.config, w);
  norm_pre_ = layers::LayerNorm::if_there(store_, w / "norm_pre", s_.width, s_.epsilon);
  bind_blocks(w / "blocks");
  head_ = class_head(from.config, w);
  declare_answers(w);
}

void Vit::bind_blocks(const io::Weights& w) {
  layers::BlockShape shape{s_.width, s_.heads, s_.epsilon, s_.activation, grid_};
  shape.norms = s_.norms;
  for (uint32_t i = 0; i < s_.depth; ++i) {
    if (i < s_.rotary.tables) {
      layers::Rotary::Grid grid = s_.rotary.grid(grid_.rows, grid_.cols, i);
      grid.prefix_tokens = s_.prefix();
      shape.rotary.emplace(store_, grid);
    }
    blocks_.emplace_back(store_, w / i, shape);
  }
}

layers::ClassHead Vit::class_head(const io::ModelConfig& config, const io::Weights& w) {
  layers::ClassHead::Parts parts;
  parts.norm = layers::LayerNorm::if_there(store_, w / "norm", s_.width, s_.epsilon);
  parts.fc_norm = layers::LayerNorm::if_there(store_, w / "fc_norm", s_.width, s_.epsilon);
  if (s_.pool == Pool::attention) {
    const uint32_t heads = s_.pool_heads == 0 ? s_.heads : s_.pool_heads;
    const layers::BlockShape shape{s_.width, heads, s_.epsilon, s_.activation, grid_};
    parts.pool.emplace(store_, w / "attn_pool", shape, s_.pools_prefix ? 0 : s_.prefix());
  }
  parts.linears = linears(config, w);
  const bool token = s_.pool == Pool::token || s_.pool == Pool::token_and_mean;
  const bool mean = s_.pool == Pool::mean || s_.pool == Pool::token_and_mean;
  return {{w.has("head_dist.weight") ? 2U : token ? 1U : 0U, mean, grid_}, std::move(parts)};
}

std::vector<layers::Linear> Vit::linears(const io::ModelConfig& config, const io::Weights& w) {
  std::vector<layers::Linear> out;
  if (s_.pool == Pool::token_and_mean) {
    if (const auto numbers = classifier_numbers(config, w / "head", 2 * s_.width))
      for (const layers::LinearNumbers& half : halves(*numbers)) out.emplace_back(store_, half);
    return out;
  }
  // DeiT answers with the mean of both heads (Touvron et al. 2021, 3).
  const bool both = w.has("head_dist.weight");
  if (const auto head = classifier(config, w / "head", s_.width, both ? 0.5F : 1.0F)) {
    out.push_back(*head);
    if (both) out.emplace_back(store_, w / "head_dist", info_.classes, s_.width, 0.5F);
  }
  return out;
}

void Vit::declare_answers(const io::Weights& w) {
  if (w.has("pooler.dense.weight")) pooler_.emplace(store_, w / "pooler" / "dense", s_.width, s_.width);
  if (pooler_ || s_.pooler_output) pooler_output_ = declare_output("pooler_output");
  // timm gives what a head would read where there is none.
  if (info_.has_head || naming_ == io::Naming::timm) logits_ = declare_output("logits");
}

// Positions of the trained grid resampled to ours; class, distillation and register tokens in front.
Tensor Vit::token_table(const io::ModelConfig& config, const io::Weights& w) {
  const uint32_t width = s_.width;
  std::vector<float> table;
  const auto append = [&](const char* name, uint32_t count) {
    const auto tokens = w.take(name, {1, count, width});
    table.insert(table.end(), tokens.begin(), tokens.end());
  };
  if (s_.cls) append("cls_token", 1);
  if (s_.dist) append("dist_token", 1);
  if (s_.registers != 0) append("reg_token", s_.registers);
  if (w.has("pos_embed")) {
    const uint32_t positions = layers::dimension(w, "pos_embed", 3, 1);
    const Trained trained = trained_positions(s_, config, positions);
    const auto pos = w.take("pos_embed", {1, positions, width});
    const size_t covered = size_t{trained.prefix} * width;
    for (size_t i = 0; i < covered; ++i) table[i] += pos[i];
    const auto patches =
        layers::resample_positions(std::span(pos).subspan(covered), trained.rows, trained.cols, grid_.rows,
                                   grid_.cols, width, s_.positions.kernel);
    table.insert(table.end(), patches.begin(), patches.end());
  }
  const uint32_t tokens = s_.prefix() + grid_.rows * grid_.cols;
  table.resize(size_t{tokens} * width);
  return store_.vector(table, {tokens, width});
}

// Behind the last norm, and through a pooler where there is one.
Tensor Vit::class_token(Recorder& r, const Tensor& x) const {
  const Tensor token = head_->read(r, x, 0);
  return pooler_ ? (*pooler_)(r, token) : token;
}

void Vit::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = ops::embed_tokens(r, patch_embed_(r, pass.input(pixels_)), table_, s_.prefix());
  if (norm_pre_) x = (*norm_pre_)(r, x);  // [images, tokens, width]
  for (const auto& block : blocks_) x = block(r, x, pass.tap());
  if (pass.wants(features_)) pass.give(features_, head_->normed(r, x));
  if (pass.wants(pooler_output_)) pass.give(pooler_output_, class_token(r, x));
  if (pass.wants(logits_)) pass.give(logits_, (*head_)(r, x, pass.tap()));
}

}  // namespace fovea
