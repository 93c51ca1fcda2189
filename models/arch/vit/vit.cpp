// Vision transformers (Dosovitskiy et al. 2021) and what grew from them: DeiT, DINOv2, CLIP and SigLIP
// towers, and ours with early convolutions.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "fovea/error.h"
#include "models/arch/vit/variants.h"
#include "models/arch/vit/vit_names.h"
#include "models/model/family.h"
#include "models/nn/block.h"
#include "models/nn/class_head.h"
#include "models/nn/patch_embed.h"
#include "models/nn/position_embedding.h"
#include "models/nn/shapes.h"
#include "models/nn/tanh_linear.h"
#include "runtime/ops/nn/embed_tokens.h"

namespace fovea {
namespace {

enum class Pool { token, mean, attention };

// Everything the files say about a ViT, from weight shapes first and config keys where shapes are silent.
struct VitShape {
  layers::PatchShape patch;
  uint32_t width = 0, depth = 0, heads = 0;
  uint32_t grid_rows = 0, grid_cols = 0;
  bool cls = false, dist = false;
  uint32_t registers = 0;
  Pool pool = Pool::token;
  float epsilon = 1e-6F;
  ops::Activation activation = ops::Activation::gelu;
  layers::NormPlace norms = layers::NormPlace::before;

  uint32_t prefix() const { return (cls ? 1 : 0) + (dist ? 1 : 0) + registers; }
};

uint32_t heads_of(const io::ModelConfig& config, const vit::Variant& variant, uint32_t width) {
  const uint32_t heads = variant.heads != 0 ? variant.heads : width / 64;
  if (heads == 0 || width % heads != 0)
    throw Error(ErrorKind::model, fmt::format("[load] {}: width {} does not split into {} heads; set {}",
                                              config.file.string(), width, heads,
                                              config.naming == io::Naming::timm ? "num_heads in model_args"
                                                                                : "num_attention_heads"));
  return heads;
}

Pool pool_of(const io::ModelConfig& config, const io::Weights& w, bool cls) {
  const bool mean = !cls || w.has("fc_norm.weight");
  const std::string usual = w.has("attn_pool.latent") ? "map" : mean ? "avg" : "token";
  const std::string pool = io::arg_string(config.model_args, "global_pool", usual, config.file);
  if (pool == "map" && w.has("attn_pool.latent")) return Pool::attention;
  if (pool == "avg") return Pool::mean;
  if (pool == "token" && cls) return Pool::token;
  throw Error(ErrorKind::model,
              fmt::format("[load] {}: global_pool is '{}'; there are avg, token with a class token, and map "
                          "with the weights of attn_pool",
                          config.file.string(), pool));
}

VitShape shape_of(const io::ModelConfig& config, const io::Weights& w) {
  if (config.naming == io::Naming::timm)
    io::check_known_args(
        config, {"patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias", "qk_norm",
                 "init_values", "act_layer", "class_token", "reg_tokens", "fc_norm", "no_embed_class",
                 "pre_norm", "final_norm", "dynamic_img_size", "dynamic_img_pad"});
  const vit::Variant variant = vit::variant_of(config);
  VitShape s;
  s.patch = layers::patch_shape(w);
  s.width = s.patch.width;
  while (w.has(fmt::format("blocks.{}.norm1.weight", s.depth))) ++s.depth;
  if (s.depth == 0)
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: the weights hold no blocks.0", config.file.string()));
  s.heads = heads_of(config, variant, s.width);
  s.cls = w.has("cls_token");
  s.dist = w.has("dist_token");
  s.registers = w.has("reg_token") ? layers::dimension(w, "reg_token", 3, 1) : 0;
  s.activation = variant.activation;
  s.epsilon = variant.epsilon;
  s.norms = variant.norms;
  s.pool = pool_of(config, w, s.cls);
  return s;
}

class Vit : public LoadedModel {
 public:
  explicit Vit(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  static VitShape grid_of(VitShape s, const io::PreprocessConfig& p) {
    s.grid_rows = p.height / s.patch.rows;
    s.grid_cols = p.width / s.patch.cols;
    return s;
  }
  Tensor token_table(const io::ModelConfig& config, const io::Weights& w);
  layers::ClassHead class_head(const io::ModelConfig& config, const io::Weights& w,
                               const layers::BlockShape& shape);

  const size_t pixels_ = declare_pixels(), features_ = declare_features();
  size_t pooler_output_ = no_output, logits_ = no_output;
  VitShape s_;
  layers::PatchEmbed patch_embed_;
  Tensor table_;  // [tokens, width]: position embeddings, prefix tokens added
  std::optional<layers::LayerNorm> norm_pre_;
  std::vector<layers::Block> blocks_;
  std::optional<layers::ClassHead> head_;
  std::optional<layers::TanhLinear> pooler_;
};

void check_size(const io::ModelConfig& config, const VitShape& s, uint32_t height, uint32_t width) {
  if (height % s.patch.rows != 0 || width % s.patch.cols != 0 || height == 0 || width == 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} is not whole patches of {}×{} ({}): use {}×{}", height,
                            width, s.patch.rows, s.patch.cols, config.architecture,
                            std::max(1U, height / s.patch.rows) * s.patch.rows,
                            std::max(1U, width / s.patch.cols) * s.patch.cols));
}

Vit::Vit(const Loading& from)
    : LoadedModel(from),
      s_(shape_of(from.config, from.weights)),
      patch_embed_(store_, from.weights, s_.patch) {
  const io::ModelConfig& config = from.config;
  const io::Weights& w = from.weights;
  check_size(config, s_, preprocess_.height, preprocess_.width);
  s_ = grid_of(s_, preprocess_);
  table_ = token_table(config, w);

  const layers::BlockShape shape{.width = s_.width,
                                 .heads = s_.heads,
                                 .epsilon = s_.epsilon,
                                 .activation = s_.activation,
                                 .grid = {s_.grid_rows, s_.grid_cols, s_.prefix(), s_.cls},
                                 .norms = s_.norms};
  norm_pre_ = layers::LayerNorm::if_there(store_, w / "norm_pre", s_.width, s_.epsilon);
  for (uint32_t i = 0; i < s_.depth; ++i) blocks_.emplace_back(store_, w / "blocks" / i, shape);
  head_ = class_head(config, w, shape);
  if (w.has("pooler.dense.weight")) {
    pooler_.emplace(store_, w / "pooler" / "dense", s_.width, s_.width);
    pooler_output_ = declare_output("pooler_output");
  }
  // timm gives what a head would read where there is none.
  if (info_.has_head || naming_ == io::Naming::timm) logits_ = declare_output("logits");
}

// Positions of the trained grid resampled to ours; class, distillation and register tokens in front.
// Positions cover the prefix tokens too, unless the checkpoint says otherwise by their number (timm:
// no_embed_class).
Tensor Vit::token_table(const io::ModelConfig& config, const io::Weights& w) {
  const uint32_t positions = layers::dimension(w, "pos_embed", 3, 1), prefix = s_.prefix(), width = s_.width;
  const VitShape trained = grid_of(s_, config.preprocess);
  const uint32_t trained_patches = trained.grid_rows * trained.grid_cols;
  const bool covers_prefix = positions == trained_patches + prefix;
  if (!covers_prefix && positions != trained_patches)
    throw Error(
        ErrorKind::model,
        fmt::format(
            "[load] {}: pos_embed has {} positions, a {}×{} grid with {} prefix tokens needs {} or {}",
            config.file.string(), positions, trained.grid_rows, trained.grid_cols, prefix,
            trained_patches + prefix, trained_patches));
  const auto pos = w.take("pos_embed", {1, positions, width});
  const uint32_t covered = covers_prefix ? prefix : 0;

  std::vector<float> table;
  const auto append = [&](const char* name, uint32_t count) {
    const auto tokens = w.take(name, {1, count, width});
    table.insert(table.end(), tokens.begin(), tokens.end());
  };
  if (s_.cls) append("cls_token", 1);
  if (s_.dist) append("dist_token", 1);
  if (s_.registers != 0) append("reg_token", s_.registers);
  for (size_t i = 0; i < size_t{covered} * width; ++i) table[i] += pos[i];
  const auto patches =
      layers::resample_positions(std::span(pos).subspan(size_t{covered} * width), trained.grid_rows,
                                 trained.grid_cols, s_.grid_rows, s_.grid_cols, width);
  table.insert(table.end(), patches.begin(), patches.end());
  return store_.vector(table, {prefix + s_.grid_rows * s_.grid_cols, width});
}

// What the head reads: the class token and the distillation token, the mean of the patches or an attention
// pool.
layers::ClassHead Vit::class_head(const io::ModelConfig& config, const io::Weights& w,
                                  const layers::BlockShape& shape) {
  layers::ClassHead::Parts parts;
  const auto norm = [&](const char* name) {
    return layers::LayerNorm::if_there(store_, w / name, s_.width, s_.epsilon);
  };
  parts.norm = norm("norm");
  parts.fc_norm = norm("fc_norm");
  if (s_.pool == Pool::token && !parts.norm)
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: a class-token head needs norm.weight, which is missing",
                            config.file.string()));
  if (s_.pool == Pool::attention) parts.pool.emplace(store_, w / "attn_pool", shape);

  // DeiT answers with the mean of both heads (Touvron et al. 2021, 3).
  const bool both = w.has("head_dist.weight");
  if (const auto head = classifier(config, w / "head", s_.width, both ? 0.5F : 1.0F)) {
    parts.linears.push_back(*head);
    if (both) parts.linears.emplace_back(store_, w / "head_dist", info_.classes, s_.width, 0.5F);
  }
  return {{both                     ? 2U
           : s_.pool == Pool::token ? 1U
                                    : 0U,
           s_.pool == Pool::mean, shape.grid},
          std::move(parts)};
}

void Vit::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = ops::embed_tokens(r, patch_embed_(r, pass.input(pixels_)), table_, s_.prefix());
  if (norm_pre_) x = (*norm_pre_)(r, x);  // [images, tokens, width]
  for (const auto& block : blocks_) x = block(r, x, pass.tap());
  if (pass.wants(features_)) pass.give(features_, head_->normed(r, x));
  if (pass.wants(pooler_output_)) pass.give(pooler_output_, (*pooler_)(r, head_->read(r, x, 0)));
  if (pass.wants(logits_)) pass.give(logits_, (*head_)(r, x, pass.tap()));
}

}  // namespace

Family vit_family() {
  Family vit = family<Vit>(
      "ViT", "timm vit_*, deit_*, deit3_* with CLIP, SigLIP and DINOv2 towers; transformers vit, deit",
      &vit::is_known, &vit_names);
  vit.difference = &vit::difference;
  return vit;
}

}  // namespace fovea
