// transformers' names of DINOv2's weights.
#pragma once

#include <array>

#include "models/weights/naming.h"

namespace fovea {

inline constexpr std::array<std::string_view, 2> dinov2_prefixes = {"dinov2.", "dinov2_with_registers."};
inline constexpr io::Renaming dinov2_rows[] = {
    {"cls_token", "embeddings.cls_token"},
    {"reg_token", "embeddings.register_tokens"},
    {"mask_token", "embeddings.mask_token"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
    {"blocks.*.norm1", "encoder.layer.*.norm1"},
    {"blocks.*.attn.qkv", "encoder.layer.*.attention.attention.{query,key,value}"},
    {"blocks.*.attn.proj", "encoder.layer.*.attention.output.dense"},
    {"blocks.*.ls1.gamma", "encoder.layer.*.layer_scale1.lambda1"},
    {"blocks.*.norm2", "encoder.layer.*.norm2"},
    {"blocks.*.mlp.fc1", "encoder.layer.*.mlp.fc1"},
    {"blocks.*.mlp.fc2", "encoder.layer.*.mlp.fc2"},
    {"blocks.*.mlp.fc1", "encoder.layer.*.mlp.weights_in"},  // gated
    {"blocks.*.mlp.fc2", "encoder.layer.*.mlp.weights_out"},
    {"blocks.*.ls2.gamma", "encoder.layer.*.layer_scale2.lambda1"},
    {"norm", "layernorm"},
    {"head", "classifier"},
};
inline constexpr io::NameTable dinov2_names = {dinov2_prefixes, dinov2_rows};

}  // namespace fovea
