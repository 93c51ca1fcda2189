#include "models/arch/vit/vit_trunk.h"

#include <fmt/format.h>

#include <algorithm>

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

VitTrunk::VitTrunk(WeightStore& store, const io::ModelConfig& config, const io::Weights& w,
                   const ModelInfo& info, const VitShape& shape)
    : s_(shape), grid_(grid_of(s_, info)), patch_embed_(store, w, s_.patch) {
  check_size(s_, info);
  table_ = token_table(store, config, w);
  norm_pre_ = layers::LayerNorm::if_there(store, w / "norm_pre", s_.width, s_.epsilon);
  bind_blocks(store, w / "blocks");
}

void VitTrunk::bind_blocks(WeightStore& store, const io::Weights& w) {
  layers::BlockShape shape{s_.width, s_.heads, s_.epsilon, s_.activation, grid_};
  shape.norms = s_.norms;
  for (uint32_t i = 0; i < s_.depth; ++i) {
    if (i < s_.rotary.tables) {
      layers::Rotary::Grid grid = s_.rotary.grid(grid_.rows, grid_.cols, i);
      grid.prefix_tokens = s_.prefix();
      shape.rotary.emplace(store, grid);
    }
    blocks_.emplace_back(store, w / i, shape);
  }
}

// Positions of the trained grid resampled to ours; class, distillation and register tokens in front.
Tensor VitTrunk::token_table(WeightStore& store, const io::ModelConfig& config, const io::Weights& w) {
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
  return store.vector(table, {tokens, width});
}

Tensor VitTrunk::operator()(Recorder& r, const Tensor& pixels, AttentionTap* tap) const {
  Tensor x = ops::embed_tokens(r, patch_embed_(r, pixels), table_, s_.prefix());
  if (norm_pre_) x = (*norm_pre_)(r, x);  // [images, tokens, width]
  for (const auto& block : blocks_) x = block(r, x, tap);
  return x;
}

}  // namespace fovea
