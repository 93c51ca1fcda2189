#include "models/arch/beit/beit_config.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "models/nn/activation.h"
#include "models/nn/shapes.h"

namespace fovea::beit {
namespace {

[[noreturn]] void refuse(const io::ModelConfig& config, const std::string& what) {
  throw Error(ErrorKind::model, fmt::format("[load] {}: {}", config.file.string(), what));
}

bool reads_mean(const io::ModelConfig& config) {
  if (config.naming == io::Naming::transformers)
    return io::arg_bool(config.model_args, "use_mean_pooling", true, config.file);
  const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
  if (pool != "avg" && pool != "token")
    refuse(config, fmt::format("global_pool is '{}', a BEiT here has 'avg' or 'token'", pool));
  return pool == "avg";
}

// Biases are a number a head; without any, heads are in no tensor's shape.
uint32_t heads_of(const io::ModelConfig& config, const io::Weights& w, uint32_t width) {
  const bool timm = config.naming == io::Naming::timm;
  // timm's base and large have heads of 64 channels; transformers counts 12 where the configuration is
  // silent.
  const uint32_t fallback = timm ? width / 64 : 12;
  const uint32_t named =
      io::arg_uint(config.model_args, timm ? "num_heads" : "num_attention_heads", 0, config.file, 0, 1024);
  uint32_t heads = named != 0 ? named : fallback;
  for (const char* scope : {"blocks.0.attn", "rel_pos_bias"})
    if ((w / scope).has("relative_position_bias_table")) {
      heads = layers::dimension(w / scope, "relative_position_bias_table", 2, 1);
      if (named != 0 && named != heads)
        refuse(config, fmt::format("there are {} heads here, and {} in {}", named, heads,
                                   (w / scope).path("relative_position_bias_table")));
    }
  if (heads == 0 || width % heads != 0)
    refuse(config, fmt::format("a width of {} does not split into {} heads", width, heads));
  return heads;
}

}  // namespace

std::array<uint32_t, 2> trained_size(const io::ModelConfig& config) {
  if (config.naming == io::Naming::transformers)
    return io::arg_size(config.model_args, "image_size", {224, 224}, config.file);
  return {config.preprocess.height, config.preprocess.width};
}

Settings settings_of(const io::ModelConfig& config, const io::Weights& w) {
  Settings out;
  while (w.has(fmt::format("blocks.{}.norm1.weight", out.depth))) ++out.depth;
  if (out.depth == 0) refuse(config, "the weights hold no first block");
  out.heads = heads_of(config, w, layers::dimension(w, "patch_embed.proj.weight", 4, 0));
  out.mean_pool = reads_mean(config);
  if (config.naming == io::Naming::timm) {
    io::check_known_args(config, {"img_size",        "patch_size",       "in_chans",
                                  "num_classes",     "global_pool",      "embed_dim",
                                  "depth",           "num_heads",        "qkv_bias",
                                  "mlp_ratio",       "swiglu_mlp",       "scale_mlp",
                                  "drop_rate",       "pos_drop_rate",    "proj_drop_rate",
                                  "attn_drop_rate",  "drop_path_rate",   "init_values",
                                  "use_abs_pos_emb", "use_rel_pos_bias", "use_shared_rel_pos_bias",
                                  "head_init_scale"});
    return out;
  }
  if (!config.architecture.ends_with("ForImageClassification") && config.architecture != "BeitModel")
    refuse(config, fmt::format("{} answers otherwise than BeitModel and BeitForImageClassification, which "
                               "Fovea has",
                               config.architecture));
  out.epsilon =
      static_cast<float>(io::arg_double(config.model_args, "layer_norm_eps", 1e-12, config.file, 0, 1));
  out.activation = layers::activation_of(config, "hidden_act", "gelu");
  return out;
}

}  // namespace fovea::beit
