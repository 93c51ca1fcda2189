// transformers' names of DINOv3's weights.
#pragma once

#include <array>

#include "models/weights/naming.h"

namespace fovea {

inline constexpr std::array<std::string_view, 2> dinov3_prefixes = {"dinov3_vit.", "model."};
inline constexpr io::Renaming dinov3_rows[] = {
    {"cls_token", "embeddings.cls_token"},
    {"reg_token", "embeddings.register_tokens"},
    {"mask_token", "embeddings.mask_token"},
    {"patch_embed.proj", "embeddings.patch_embeddings"},
    {"blocks.*.norm1", "layer.*.norm1"},
    {"blocks.*.attn.q_proj", "layer.*.attention.q_proj"},
    {"blocks.*.attn.k_proj", "layer.*.attention.k_proj"},
    {"blocks.*.attn.v_proj", "layer.*.attention.v_proj"},
    {"blocks.*.attn.proj", "layer.*.attention.o_proj"},
    {"blocks.*.gamma_1", "layer.*.layer_scale1.lambda1"},
    {"blocks.*.norm2", "layer.*.norm2"},
    {"blocks.*.mlp.fc1_g", "layer.*.mlp.gate_proj"},
    {"blocks.*.mlp.fc1_x", "layer.*.mlp.up_proj"},
    {"blocks.*.mlp.fc1", "layer.*.mlp.up_proj"},  // of an MLP without a gate
    {"blocks.*.mlp.fc2", "layer.*.mlp.down_proj"},
    {"blocks.*.gamma_2", "layer.*.layer_scale2.lambda1"},
    {"norm", "norm"},
};
inline constexpr io::NameTable dinov3_names = {dinov3_prefixes, dinov3_rows};

}  // namespace fovea
