// transformers' names of ViT's and DeiT's weights.
#pragma once

#include <array>

#include "models/weights/naming.h"

namespace fovea {

inline constexpr std::array<std::string_view, 2> vit_prefixes = {"vit.", "deit."};
inline constexpr io::Renaming vit_rows[] = {
    {"cls_token", "embeddings.cls_token"},
    {"dist_token", "embeddings.distillation_token"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
    {"blocks.*.norm1", "encoder.layer.*.layernorm_before"},
    {"blocks.*.attn.qkv", "encoder.layer.*.attention.attention.{query,key,value}"},
    {"blocks.*.attn.proj", "encoder.layer.*.attention.output.dense"},
    {"blocks.*.norm2", "encoder.layer.*.layernorm_after"},
    {"blocks.*.mlp.fc1", "encoder.layer.*.intermediate.dense"},
    {"blocks.*.mlp.fc2", "encoder.layer.*.output.dense"},
    {"norm", "layernorm"},
    {"pooler.dense", "pooler.dense"},
    {"head", "classifier"},
    {"head", "cls_classifier"},  // DeiT with teacher
    {"head_dist", "distillation_classifier"},
};
inline constexpr io::NameTable vit_names = {vit_prefixes, vit_rows};

}  // namespace fovea
