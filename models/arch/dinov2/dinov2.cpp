// DINOv2 (Oquab et al. 2024) in transformers' naming, with or without registers (Darcet et al. 2024). timm's
// files of the same models are ViTs by name and by their tensors.
#include "models/arch/dinov2/names.h"
#include "models/arch/vit/vit_model.h"
#include "models/model/family.h"
#include "models/nn/activation.h"

namespace fovea {
namespace {

VitShape shape_of(const Loading& from) {
  const io::ModelConfig& config = from.config;
  const auto& args = config.model_args;
  VitShape s = vit_sizes(from);
  s.heads = io::arg_uint(args, "num_attention_heads", 12, config.file, 1, 1024);
  s.epsilon = static_cast<float>(io::arg_double(args, "layer_norm_eps", 1e-6, config.file, 0, 1));
  s.activation = layers::activation_of(config, "hidden_act", "gelu");
  // The classifier reads the class token and the mean of the patches, one behind the other.
  s.pool = from.weights.has("head.weight") ? Pool::token_and_mean : Pool::token;
  // Positions are the class token's and the patches'; the two model types resample them differently.
  const auto size = io::arg_size(args, "image_size", {224, 224}, config.file);
  s.positions.grid = std::array{size[0] / s.patch.rows, size[1] / s.patch.cols};
  s.positions.prefix = 1;
  s.positions.kernel = config.model_type == "dinov2" ? layers::Bicubic::sampled : layers::Bicubic::smoothed;
  s.pooler_output = true;
  from.weights.ignore("mask_token");  // for training
  return s;
}

class Dinov2 : public Vit {
 public:
  explicit Dinov2(const Loading& from) : Vit(from, shape_of(from)) {}
};

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::transformers &&
         (config.model_type == "dinov2" || config.model_type == "dinov2_with_registers");
}

}  // namespace

Family dinov2_family() {
  return family<Dinov2>("DINOv2", "transformers dinov2, dinov2_with_registers", &matches, &dinov2_names);
}

}  // namespace fovea
