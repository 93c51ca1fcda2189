// transformers' names of BEiT's weights.
#pragma once

#include "models/weights/naming.h"

namespace fovea::beit {

inline constexpr std::string_view prefixes[] = {"beit."};
inline constexpr io::Renaming rows[] = {
    {"cls_token", "embeddings.cls_token"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
    {"rel_pos_bias.relative_position_bias_table",
     "encoder.relative_position_bias.relative_position_bias_table"},
    {"blocks.*.norm1", "encoder.layer.*.layernorm_before"},
    {"blocks.*.attn.relative_position_bias_table",
     "encoder.layer.*.attention.attention.relative_position_bias.relative_position_bias_table"},
    {"blocks.*.attn.qkv", "encoder.layer.*.attention.attention.{query,key,value}"},
    {"blocks.*.attn.q_bias", "encoder.layer.*.attention.attention.query.bias"},
    {"blocks.*.attn.v_bias", "encoder.layer.*.attention.attention.value.bias"},
    {"blocks.*.attn.proj", "encoder.layer.*.attention.output.dense"},
    {"blocks.*.gamma_1", "encoder.layer.*.lambda_1"},
    {"blocks.*.norm2", "encoder.layer.*.layernorm_after"},
    {"blocks.*.mlp.fc1", "encoder.layer.*.intermediate.dense"},
    {"blocks.*.mlp.fc2", "encoder.layer.*.output.dense"},
    {"blocks.*.gamma_2", "encoder.layer.*.lambda_2"},
    {"norm", "layernorm"},
    {"fc_norm", "pooler.layernorm"},
    {"head", "classifier"},
    // What the sizes imply, and what only training reads.
    {"blocks.*.attn.relative_position_index",
     "encoder.layer.*.attention.attention.relative_position_bias.relative_position_index"},
    {"rel_pos_bias.relative_position_index", "encoder.relative_position_bias.relative_position_index"},
    {"mask_token", "embeddings.mask_token"},
};
inline constexpr io::NameTable names = {prefixes, rows};

}  // namespace fovea::beit
