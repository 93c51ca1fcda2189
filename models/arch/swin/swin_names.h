// transformers' names of Swin's weights.
#pragma once

#include "models/weights/naming.h"

namespace fovea::swin {

inline constexpr std::string_view prefixes[] = {"swin."};
inline constexpr io::Renaming rows[] = {
    {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
    {"patch_embed.norm", "embeddings.norm"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"layers.*.blocks.*.norm1", "encoder.layers.*.blocks.*.layernorm_before"},
    {"layers.*.blocks.*.attn.relative_position_bias_table",
     "encoder.layers.*.blocks.*.attention.self.relative_position_bias_table"},
    {"layers.*.blocks.*.attn.qkv", "encoder.layers.*.blocks.*.attention.self.{query,key,value}"},
    {"layers.*.blocks.*.attn.proj", "encoder.layers.*.blocks.*.attention.output.dense"},
    {"layers.*.blocks.*.norm2", "encoder.layers.*.blocks.*.layernorm_after"},
    {"layers.*.blocks.*.mlp.fc1", "encoder.layers.*.blocks.*.intermediate.dense"},
    {"layers.*.blocks.*.mlp.fc2", "encoder.layers.*.blocks.*.output.dense"},
    {"layers.*.downsample.norm", "encoder.layers.*.downsample.norm"},
    {"layers.*.downsample.reduction", "encoder.layers.*.downsample.reduction"},
    {"norm", "layernorm"},
    {"head", "classifier"},
    // What the sizes imply, and what only training reads.
    {"layers.*.blocks.*.attn.relative_position_index",
     "encoder.layers.*.blocks.*.attention.self.relative_position_index"},
    {"mask_token", "embeddings.mask_token"},
};
inline constexpr io::NameTable names = {prefixes, rows};

}  // namespace fovea::swin
