#include "models/arch/eva/eva_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "fovea/error.h"
#include "models/arch/eva/rope.h"

namespace fovea::eva {
namespace {

[[noreturn]] void refuse(const io::ModelConfig& config, const std::string& why) {
  throw Error(ErrorKind::model,
              fmt::format("[load] {}: {} {}", config.file.string(), config.architecture, why));
}

std::span<const Settings>::iterator find(const io::ModelConfig& config, std::span<const Settings> known) {
  const std::string name = io::plain_architecture(config);
  return std::find_if(known.begin(), known.end(), [&](const Settings& row) { return row.name == name; });
}

void check_arguments(const io::ModelConfig& config) {
  io::check_known_args(
      config,
      {// that are read here,
       "num_heads", "rope_type", "use_rot_pos_emb", "rope_grid_offset", "rope_temperature",
       "rope_grid_indexing", "rope_rotate_half", "ref_feat_shape", "attn_pool_num_heads", "no_embed_class",
       "use_post_norm",
       // that weights' shapes answer,
       "patch_size", "embed_dim", "depth", "qkv_bias", "qkv_fused", "mlp_ratio", "swiglu_mlp",
       "swiglu_align_to", "scale_mlp", "attn_type", "scale_attn_inner", "use_fc_norm", "init_values",
       "class_token", "use_pre_transformer_norm", "num_reg_tokens", "use_abs_pos_emb",
       "use_post_transformer_norm", "attn_pool_mlp_ratio",
       // or that matter in training alone
       "head_init_scale", "dynamic_img_size"});
}

// null, which timm takes for "none", where silence means the architecture's default.
bool is_none(const io::ModelConfig& config, const char* key) {
  return config.model_args.contains(key) && !config.model_args.gives(key);
}

Rope rope_kind(const io::ModelConfig& config, Rope fallback) {
  const auto& args = config.model_args;
  if (!io::arg_bool(args, "use_rot_pos_emb", fallback != Rope::none, config.file)) return Rope::none;
  const std::array<std::pair<std::string_view, Rope>, 3> kinds = {
      {{"cat", Rope::axial}, {"mixed", Rope::mixed}, {"dinov3", Rope::centred}}};
  if (fallback == Rope::none) fallback = Rope::axial;  // timm's default
  const auto own =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.second == fallback; });
  const std::string name = io::arg_string(args, "rope_type", own->first, config.file);
  for (const auto& [known, kind] : kinds)
    if (name == known) return kind;
  refuse(config, fmt::format("has rotary positions of the type {}; there are cat, mixed, dinov3", name));
}

// timm turns pairs that the table was not made for where these two disagree.
void check_pairs(const io::ModelConfig& config, Rope rope, Rope fallback) {
  const bool halves =
      io::arg_bool(config.model_args, "rope_rotate_half", fallback == Rope::centred, config.file);
  if (rope != Rope::none && halves != (rope == Rope::centred))
    refuse(config, fmt::format("turns channels {} (rope_rotate_half), which goes with another rope_type",
                               halves ? "half a head apart" : "next to each other"));
}

bool columns_first(const io::ModelConfig& config, bool fallback) {
  const std::string order =
      io::arg_string(config.model_args, "rope_grid_indexing", fallback ? "xy" : "ij", config.file);
  if (order != "xy" && order != "ij")
    refuse(config, fmt::format("has the grid indexing {}; there are xy and ij", order));
  return order == "xy";
}

Pool pool_of(const io::ModelConfig& config, const io::Weights& w, std::string_view fallback) {
  const std::string pool = io::arg_string(config.model_args, "global_pool", fallback, config.file);
  if (w.has("attn_pool.latent") != (pool == "map"))
    refuse(config, fmt::format("pools by '{}', but the weights {} attn_pool", pool,
                               pool == "map" ? "hold no" : "hold an"));
  if (pool == "map") return Pool::attention;
  if (pool == "avg") return Pool::mean;
  if (pool != "token") refuse(config, fmt::format("pools by '{}'; there are avg, token, map", pool));
  if (!w.has("cls_token") && !w.has("reg_token"))
    refuse(config, "pools by 'token', but the weights hold no token but patches");
  return Pool::token;
}

VitShape::RotaryPositions rotary_of(const Loading& from, const Settings& row, const VitShape& s) {
  const io::ModelConfig& config = from.config;
  const auto& args = config.model_args;
  const Rope kind = rope_kind(config, row.rope);
  check_pairs(config, kind, row.rope);
  if (kind == Rope::none) return {};
  const uint32_t head = s.heads == 0 ? 0 : s.width / s.heads;
  if (head == 0 || head % 4 != 0)
    refuse(config,
           fmt::format("has rotary positions, {} channels and {} heads: heads need a multiple of four",
                       s.width, s.heads));
  const bool xy = columns_first(config, row.columns_first);
  const double temperature =
      io::arg_double(args, "rope_temperature", row.temperature, config.file, 1e-3, 1e9);
  if (kind == Rope::centred)
    return {1, [=](uint32_t rows, uint32_t cols, uint32_t) {
              return rope::centred(head, temperature, {rows, cols});
            }};
  if (kind == Rope::mixed) {
    const size_t block = size_t{s.heads} * (head / 2);
    const auto all = from.weights.take("rope.freqs", {2, s.depth, s.heads, head / 2});
    return {s.depth, [=, heads = s.heads, depth = s.depth](uint32_t rows, uint32_t cols, uint32_t layer) {
              std::vector<float> own;  // [2, heads, pairs]
              for (const size_t axis : {size_t{0}, size_t{1}}) {
                const auto first = all.begin() + static_cast<std::ptrdiff_t>((axis * depth + layer) * block);
                own.insert(own.end(), first, first + static_cast<std::ptrdiff_t>(block));
              }
              return rope::mixed(own, heads, xy, {rows, cols});
            }};
  }
  const double offset = io::arg_double(args, "rope_grid_offset", row.offset, config.file);
  const uint32_t side = is_none(config, "ref_feat_shape") ? 0 : row.reference;
  const auto reference = io::arg_size(args, "ref_feat_shape", {side, side}, config.file);
  const rope::Axial axial{head, temperature, offset, {reference[0], reference[1]}, xy};
  return {1, [=](uint32_t rows, uint32_t cols, uint32_t) { return rope::axial(axial, {rows, cols}); }};
}

}  // namespace

bool is_known(const io::ModelConfig& config, std::span<const Settings> known) {
  return config.naming == io::Naming::timm && find(config, known) != known.end();
}

VitShape shape_of(const Loading& from, std::span<const Settings> known) {
  const io::ModelConfig& config = from.config;
  const Settings& row = *find(config, known);
  check_arguments(config);
  const auto& args = config.model_args;
  VitShape s = vit_sizes(from);
  s.heads = io::arg_uint(args, "num_heads", row.heads, config.file, 1, 1024);
  s.epsilon = row.epsilon;
  s.pool = pool_of(config, from.weights, row.pool);
  s.pools_prefix = true;
  s.pool_heads = is_none(config, "attn_pool_num_heads")
                     ? s.heads
                     : io::arg_uint(args, "attn_pool_num_heads", row.pool_heads, config.file, 1, 1024);
  if (io::arg_bool(args, "use_post_norm", row.norms_after, config.file)) s.norms = layers::NormPlace::after;
  if (io::arg_bool(args, "no_embed_class", !row.positions_of_prefix, config.file))
    s.positions.prefix = 0;
  else
    s.positions.prefix = s.prefix();
  s.rotary = rotary_of(from, row, s);
  return s;
}

}  // namespace fovea::eva
