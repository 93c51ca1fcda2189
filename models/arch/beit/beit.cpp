// BEiT (Bao et al. 2022) and BEiT v2 (Peng et al. 2022): a vision transformer whose layers add a bias to
// their logits for how far a key is from its query.
#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "fovea/error.h"
#include "models/arch/beit/beit_bias.h"
#include "models/arch/beit/beit_config.h"
#include "models/arch/beit/beit_names.h"
#include "models/model/family.h"
#include "models/nn/block.h"
#include "models/nn/class_head.h"
#include "models/nn/patch_embed.h"
#include "models/nn/position_embedding.h"
#include "models/nn/shapes.h"
#include "runtime/ops/nn/embed_tokens.h"

namespace fovea {
namespace beit {
namespace {

class Beit : public LoadedModel {
 public:
  explicit Beit(const Loading& from);

 private:
  void forward(Pass& pass) const override;
  Grid grid_of(uint32_t height, uint32_t width) const;
  Tensor token_table(const io::Weights& w, const Grid& trained);
  void add_blocks(const io::Weights& w, const Grid& trained);

  const size_t pixels_ = declare_pixels(), features_ = declare_features();
  size_t answer_ = no_output;
  Settings s_;
  layers::PatchShape patch_;
  layers::PatchEmbed patch_embed_;
  Grid grid_;
  TokenGrid tokens_;
  Tensor table_;  // [tokens, width]: the class token, and positions where the model has some
  std::vector<layers::Block> blocks_;
  std::optional<layers::ClassHead> head_;
};

Beit::Beit(const Loading& from)
    : LoadedModel(from),
      s_(settings_of(from.config, from.weights)),
      patch_(layers::patch_shape(from.weights)),
      patch_embed_(store_, from.weights, patch_),
      grid_(grid_of(preprocess_.height, preprocess_.width)),
      tokens_{grid_.rows, grid_.cols, /*prefix_tokens=*/1, /*has_cls=*/true} {
  const io::Weights& w = from.weights;
  const auto [height, width] = trained_size(from.config);
  const Grid trained = grid_of(height, width);
  if (naming_ == io::Naming::transformers && grid_ != trained)
    throw Error(ErrorKind::usage,
                fmt::format("[load] {} has positions for {}×{} pixels only, not for {}×{}",
                            info_.architecture, height, width, preprocess_.height, preprocess_.width));
  table_ = token_table(w, trained);
  add_blocks(w, trained);
  // The head reads the mean of the patches, then its norm, or the class token behind the norm of all.
  layers::ClassHead::Parts parts;
  (s_.mean_pool ? parts.fc_norm : parts.norm)
      .emplace(store_, w / (s_.mean_pool ? "fc_norm" : "norm"), patch_.width, s_.epsilon);
  if (auto classes = classifier(from.config, w / "head", patch_.width)) parts.linears.push_back(*classes);
  // timm gives what a head would read where there is none, transformers as an output of its own.
  const bool answers = !parts.linears.empty() || naming_ == io::Naming::timm;
  answer_ = declare_output(answers ? "logits" : "pooler_output");
  head_.emplace(layers::Reading{s_.mean_pool ? 0U : 1U, s_.mean_pool, tokens_}, std::move(parts));
  w.ignore("mask_token");  // for training
}

Grid Beit::grid_of(uint32_t height, uint32_t width) const {
  if (height % patch_.rows != 0 || width % patch_.cols != 0)
    throw Error(ErrorKind::usage, fmt::format("[load] an input of {}×{} is not whole patches of {}×{} ({})",
                                              height, width, patch_.rows, patch_.cols, info_.architecture));
  return {height / patch_.rows, width / patch_.cols};
}

Tensor Beit::token_table(const io::Weights& w, const Grid& trained) {
  const uint32_t width = patch_.width;
  std::vector<float> table = w.take("cls_token", {1, 1, width});
  if (w.has("pos_embed")) {
    const auto positions = w.take("pos_embed", {1, trained.tokens(), width});
    for (uint32_t c = 0; c < width; ++c) table[c] += positions[c];
    const auto patches = layers::resample_positions(std::span(positions).subspan(width), trained.rows,
                                                    trained.cols, grid_.rows, grid_.cols, width);
    table.insert(table.end(), patches.begin(), patches.end());
  }
  table.resize(size_t{grid_.tokens()} * width);
  return store_.vector(table, {grid_.tokens(), width});
}

// Each layer has a table of its own, all share one, or both add up.
void Beit::add_blocks(const io::Weights& w, const Grid& trained) {
  const char* const table = "relative_position_bias_table";
  const auto bias_of = [&](const io::Weights& scope) -> std::optional<Bias> {
    scope.ignore("relative_position_index");
    if (!scope.has(table)) return std::nullopt;
    return resampled(bias_table(scope, trained), grid_);
  };
  const std::optional<Bias> shared = bias_of(w / "rel_pos_bias");
  Tensor of_all;
  if (shared) of_all = expanded(store_, *shared, nullptr);
  layers::BlockShape shape{patch_.width, s_.heads, s_.epsilon, s_.activation};
  shape.grid = tokens_;
  for (uint32_t i = 0; i < s_.depth; ++i) {
    const io::Weights block = w / "blocks" / i;
    const std::optional<Bias> own = bias_of(block / "attn");
    shape.bias = own ? expanded(store_, *own, shared ? &*shared : nullptr) : of_all;
    blocks_.emplace_back(store_, block, shape);
  }
}

void Beit::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  // [images, tokens, width], the class token first
  Tensor x = ops::embed_tokens(r, patch_embed_(r, pass.input(pixels_)), table_, 1);
  for (const layers::Block& block : blocks_) x = block(r, x, pass.tap());
  if (pass.wants(features_)) pass.give(features_, head_->normed(r, x));
  if (pass.wants(answer_)) pass.give(answer_, (*head_)(r, x, pass.tap()));
}

bool matches(const io::ModelConfig& config) {
  if (config.naming == io::Naming::transformers) return config.model_type == "beit";
  return io::is_called(config,
                       {"beit_{base,large}_patch16_{224,384,512}", "beitv2_{base,large}_patch16_224"});
}

}  // namespace
}  // namespace beit

Family beit_family() {
  return family<beit::Beit>("BEiT", "timm beit_base to beit_large, beitv2_*; transformers beit",
                            &beit::matches, &beit::names);
}

}  // namespace fovea
