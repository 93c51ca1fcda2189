// The ways in which models say how a picture becomes the model's input.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "models/config/config.h"

namespace fovea::io {

// settings: pretrained_cfg. model_args may name another input size than the pretrained one.
PreprocessConfig timm_preprocess(const nlohmann::json& settings, const nlohmann::json& model_args,
                                 const std::filesystem::path& file);

// Of a system that takes pictures, which says its size and colours itself: as timm does it with crop mode
// "border", bicubic.
PreprocessConfig system_preprocess(const nlohmann::json& config, const std::filesystem::path& file);

// preprocessor: preprocessor_config.json, an empty object when there is none.
PreprocessConfig transformers_preprocess(const nlohmann::json& config, const nlohmann::json& preprocessor,
                                         const std::filesystem::path& config_file,
                                         const std::filesystem::path& preprocessor_file);

}  // namespace fovea::io
