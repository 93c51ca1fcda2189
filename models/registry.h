// The list of model families: which configs they answer to and how they load.
#pragma once

#include <memory>
#include <span>

#include "models/io/config.h"
#include "models/io/weights.h"
#include "models/model.h"

namespace fovea {

struct Family {
  const char* name;      // for people: "ViT"
  const char* examples;  // architectures and model types it loads, for messages
  bool (*matches)(const io::ModelConfig& config);
  std::shared_ptr<LoadedModel> (*load)(const Device& device, DType storage, const io::ModelConfig& config,
                                       const io::Weights& weights, const ModelOptions& options);
};

std::span<const Family> families();
const Family* family_of(const io::ModelConfig& config);  // nullptr when there is none

}  // namespace fovea
