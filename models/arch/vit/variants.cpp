#include "models/arch/vit/variants.h"

#include <utility>

#include "models/nn/activation.h"

namespace fovea::vit {
namespace {

constexpr const char* ours = "fovea_early_conv_vit";

// timm's blocks of attention, then MLP, each added to what it reads.
bool has_usual_blocks(const io::ModelConfig& config) {
  return io::is_called(
      config,
      {ours, "deit_{tiny,small,base}{_distilled,}_patch16_{224,384}",
       "deit3_{small,medium,base,large,huge}_patch{14,16}_{224,384}",
       "vit_{tiny,small,base,large,huge,giant,gigantic}_patch{8,14,16,32}_{224,384}{_miil,}",
       "vit_base_patch{16,32}_plus_{240,256}", "vit_small_patch16_36x1_224", "vit_base_patch16_rpn_224",
       "vit_{small,base,large,giant}_patch14{_reg4,}_dinov2",
       "vit_{base,large,giant,so400m}_patch14_reg1_tipsv2", "vit_intern300m_patch14_448",
       "vit_{medium,betwixt,base,huge,giant}_patch{14,16}_gap_{224,240,256,384,448}",
       "vit_{wee,little,medium,mediumd,betwixt,base}_patch16_reg{1,4}_gap_{256,384}",
       "vit_{so150m,so150m2}_patch16_reg{1,4}_{gap,map}_{256,384,448}",
       "vit_{xsmall,medium,betwixt,base,large,huge,giant,gigantic}_patch{14,16,32}{_plus,}_clip"
       "{_quickgelu,}_{224,240,256,336,378,384,448}",
       "vit_{base,large,huge,giant}_patch{14,32}_224_clip_laion2b",
       "vit_{base,large,so400m,giantopt}_patch{14,16,32}_siglip{_gap,}_{224,256,378,384,448,512,896}"});
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// timm's num_heads where a config is silent.
uint32_t heads_of(const std::string& name) {
  if (name == ours) return 0;
  if (contains(name, "_base_patch16_gap_")) return 16;
  if (contains(name, "_plus_")) return 14;
  if (contains(name, "_giant_") && (contains(name, "dinov2") || contains(name, "tipsv2"))) return 24;
  static constexpr std::pair<std::string_view, uint32_t> sizes[] = {
      {"_tiny_", 3},    {"_wee_", 4},       {"_little_", 5},   {"_small_", 6},       {"_xsmall_", 4},
      {"_medium_", 8},  {"_mediumd_", 8},   {"_betwixt_", 10}, {"_base_", 12},       {"_so150m2_", 13},
      {"_so150m_", 14}, {"_large_", 16},    {"_so400m_", 16},  {"_intern300m_", 16}, {"_huge_", 16},
      {"_giant_", 16},  {"_giantopt_", 16}, {"_gigantic_", 16}};
  for (const auto& [size, heads] : sizes)
    if (contains(name, size)) return heads;
  return 0;
}

const char* activation_of(const io::ModelConfig& config) {
  if (contains(config.architecture, "_quickgelu")) return "quick_gelu";
  // SigLIP's towers of the second version, where timm had none of that size from the first.
  const bool tanh = io::is_called(
      config, {"vit_{base_patch32,giantopt_patch16}_siglip{_gap,}_{256,384}",
               "vit_so400m_patch16_siglip{_gap,}_{256,384,512}", "vit_large_patch16_siglip{_gap,}_512"});
  return tanh ? "gelu_tanh" : "gelu";
}

}  // namespace

bool is_known(const io::ModelConfig& config) {
  if (config.naming == io::Naming::transformers)
    return config.model_type == "vit" || config.model_type == "deit";
  return has_usual_blocks(config);
}

Variant variant_of(const io::ModelConfig& config) {
  const auto& args = config.model_args;
  Variant v;
  if (config.naming == io::Naming::transformers) {
    v.heads = io::arg_uint(args, "num_attention_heads", 0, config.file, 0, 1024);
    v.activation = layers::activation_of(config, "hidden_act", "gelu");
    v.epsilon = static_cast<float>(io::arg_double(args, "layer_norm_eps", 1e-12, config.file, 0, 1));
    return v;
  }
  const std::string name = io::plain_architecture(config);
  v.heads = io::arg_uint(args, "num_heads", heads_of(name), config.file, 0, 1024);
  v.activation = layers::activation_of(config, "act_layer", activation_of(config));
  if (contains(name, "_rpn_")) v.norms = layers::NormPlace::after;
  if (contains(name, "_clip_")) v.epsilon = 1e-5F;  // timm builds CLIP towers with torch's default
  return v;
}

std::string difference(const io::ModelConfig& config) {
  const std::string& name = config.architecture;
  if (config.naming != io::Naming::timm || !(name.starts_with("vit_") || name.starts_with("deit")) ||
      is_known(config))
    return {};
  constexpr const char *rope = "it turns queries and keys by their position (RoPE)",
                       *relative = "its attention has relative positions",
                       *parallel = "its blocks attend and have their MLP side by side",
                       *subtracted = "its attention is the difference of two",
                       *convolutions = "it begins with convolutions";
  static constexpr std::pair<std::string_view, const char*> cousins[] = {
      {"_rope", rope},           {"_pe_", rope},           {"_dinov3", rope},
      {"relpos", relative},      {"_xp_", parallel},       {"pwee_", parallel},
      {"parallel", parallel},    {"x2_", parallel},        {"_dwee_", subtracted},
      {"_dlittle_", subtracted}, {"_r_s", convolutions},   {"_r26_", convolutions},
      {"_r50_", convolutions},   {"resnet", convolutions}, {"_mci_", convolutions},
  };
  for (const auto& [cousin, what] : cousins)
    if (contains(name, cousin)) return what;
  return "no weight shows its heads, activation, epsilon and order of norms, and Fovea does not know the "
         "name";
}

}  // namespace fovea::vit
