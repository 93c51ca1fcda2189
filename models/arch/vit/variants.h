// What the name of a ViT says and no weight shows.
#pragma once

#include <string>

#include "models/config/config.h"
#include "models/nn/block.h"

namespace fovea::vit {

struct Variant {
  uint32_t heads = 0;  // 0: as many as hold 64 channels each
  ops::Activation activation = ops::Activation::gelu;
  float epsilon = 1e-6F;
  layers::NormPlace norms = layers::NormPlace::before;
};

bool is_known(const io::ModelConfig& config);
// Of an architecture that is known; settings of the config go before what the name says.
Variant variant_of(const io::ModelConfig& config);
// What is different in an architecture of timm that is called like a known one; empty for any other name.
std::string difference(const io::ModelConfig& config);

}  // namespace fovea::vit
