// DINOv3 (Siméoni et al. 2025): a ViT with registers, rotary positions and, in its larger forms, gated MLPs.
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "fovea/error.h"
#include "models/arch/dinov3/names.h"
#include "models/arch/eva/eva_shape.h"
#include "models/arch/eva/rope.h"
#include "models/model/family.h"
#include "models/nn/activation.h"

namespace fovea {
namespace {

constexpr eva::Settings variant(std::string_view name, uint32_t heads) {
  return {.name = name, .heads = heads, .rope = eva::Rope::centred, .temperature = 100, .epsilon = 1e-5F};
}
constexpr std::array variants = {
    variant("vit_tiny_patch16_dinov3_qkvb", 3),       variant("vit_small_patch16_dinov3", 6),
    variant("vit_small_patch16_dinov3_qkvb", 6),      variant("vit_small_plus_patch16_dinov3", 6),
    variant("vit_small_plus_patch16_dinov3_qkvb", 6), variant("vit_base_patch16_dinov3", 12),
    variant("vit_base_patch16_dinov3_qkvb", 12),      variant("vit_large_patch16_dinov3", 16),
    variant("vit_large_patch16_dinov3_qkvb", 16),     variant("vit_huge_plus_patch16_dinov3", 20),
    variant("vit_huge_plus_patch16_dinov3_qkvb", 20), variant("vit_7b_patch16_dinov3", 32),
};

// transformers' DINOv3ViTConfig. Shifts, jitter and rescaling of positions are for training.
VitShape transformers_shape(const Loading& from) {
  const io::ModelConfig& config = from.config;
  const nlohmann::json& args = config.model_args;
  VitShape s = vit_sizes(from);
  s.heads = io::arg_uint(args, "num_attention_heads", 6, config.file, 1, 1024);
  s.epsilon = static_cast<float>(io::arg_double(args, "layer_norm_eps", 1e-5, config.file, 0, 1));
  s.activation = layers::activation_of(config, "hidden_act", "gelu");
  if (from.weights.has("blocks.0.mlp.fc1_g.weight") && s.activation != ops::Activation::silu)
    throw Error(ErrorKind::unsupported,
                fmt::format("[load] {}: gated MLPs with another hidden_act than silu", config.file.string()));
  s.pool = Pool::token;
  if (s.width % s.heads != 0 || s.width / s.heads % 4 != 0)
    throw Error(
        ErrorKind::model,
        fmt::format(
            "[load] {}: {} channels are no {} heads of a multiple of four, which rotary positions need",
            config.file.string(), s.width, s.heads));
  const uint32_t head = s.width / s.heads;
  // Newer files of transformers gather what concerns rotary positions.
  const auto gathered = args.find("rope_parameters");
  const auto& positions = gathered != args.end() && gathered->is_object() ? *gathered : args;
  if (const auto type = io::arg_string(positions, "rope_type", "default", config.file); type != "default")
    throw Error(ErrorKind::unsupported,
                fmt::format("[load] {}: rotary positions of the type {}", config.file.string(), type));
  const double theta = io::arg_double(positions, "rope_theta", 100, config.file, 1e-3, 1e9);
  s.rotary = {1, [=](uint32_t rows, uint32_t cols, uint32_t) {
                return rope::centred(head, theta, {rows, cols});
              }};
  s.pooler_output = true;
  from.weights.ignore("mask_token");  // for training
  return s;
}

class Dinov3 : public Vit {
 public:
  explicit Dinov3(const Loading& from)
      : Vit(from, from.config.naming == io::Naming::timm ? eva::shape_of(from, variants)
                                                         : transformers_shape(from)) {}
};

bool matches(const io::ModelConfig& config) {
  return eva::is_known(config, variants) ||
         (config.naming == io::Naming::transformers && config.model_type == "dinov3_vit");
}

}  // namespace

Family dinov3_family() {
  return family<Dinov3>("DINOv3", "timm vit_*_dinov3*; transformers dinov3_vit", &matches, &dinov3_names);
}

}  // namespace fovea
