// Vision transformers (Dosovitskiy et al. 2021) and what grew from them: DeiT, DINOv2, CLIP and SigLIP
// towers, and ours with early convolutions.
#include <fmt/format.h>

#include "fovea/error.h"
#include "models/arch/vit/variants.h"
#include "models/arch/vit/vit_model.h"
#include "models/arch/vit/vit_names.h"
#include "models/model/family.h"

namespace fovea {
namespace {

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

}  // namespace

VitShape vit_shape(const Loading& from) {
  const io::ModelConfig& config = from.config;
  if (config.naming == io::Naming::timm)
    io::check_known_args(config, {"patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias",
                                  "qk_norm", "init_values", "act_layer", "class_token", "reg_tokens",
                                  "fc_norm", "no_embed_class", "pre_norm", "final_norm", "dynamic_img_size",
                                  "dynamic_img_pad", "stem_widths", "stem_blocks"});
  const vit::Variant variant = vit::variant_of(config);
  VitShape s = vit_sizes(from);
  s.heads = heads_of(config, variant, s.width);
  s.activation = variant.activation;
  s.epsilon = variant.epsilon;
  s.norms = variant.norms;
  s.pool = pool_of(config, from.weights, s.cls);
  return s;
}

namespace {

class PlainVit : public Vit {
 public:
  explicit PlainVit(const Loading& from) : Vit(from, vit_shape(from)) {}
};

}  // namespace

Family vit_family() {
  Family vit = family<PlainVit>(
      "ViT", "timm vit_*, deit_*, deit3_* with CLIP, SigLIP and DINOv2 towers; transformers vit, deit",
      &vit::is_known, &vit_names);
  vit.difference = &vit::difference;
  return vit;
}

}  // namespace fovea
