// transformers' names of ConvNeXt's weights.
#pragma once

#include <array>

#include "models/weights/naming.h"

namespace fovea {

inline constexpr std::array<std::string_view, 2> convnext_prefixes = {"convnext.", "convnextv2."};
inline constexpr io::Renaming convnext_rows[] = {
    {"stem.0", "embeddings.patch_embeddings"},
    {"stem.1", "embeddings.layernorm"},
    {"stages.*.downsample.*", "encoder.stages.*.downsampling_layer.*"},
    {"stages.*.blocks.*.conv_dw", "encoder.stages.*.layers.*.dwconv"},
    {"stages.*.blocks.*.norm", "encoder.stages.*.layers.*.layernorm"},
    {"stages.*.blocks.*.mlp.fc1", "encoder.stages.*.layers.*.pwconv1"},
    {"stages.*.blocks.*.mlp.grn", "encoder.stages.*.layers.*.grn"},
    {"stages.*.blocks.*.mlp.fc2", "encoder.stages.*.layers.*.pwconv2"},
    {"stages.*.blocks.*.gamma", "encoder.stages.*.layers.*.layer_scale_parameter"},
    {"head.norm", "layernorm"},
    {"head.fc", "classifier"},
};
inline constexpr io::NameTable convnext_names = {convnext_prefixes, convnext_rows};

}  // namespace fovea
