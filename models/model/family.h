// A model family: which configs it answers to and how it loads.
#pragma once

#include <memory>

#include "models/config/config.h"
#include "models/model/model.h"
#include "models/weights/weights.h"

namespace fovea {

struct Family {
  const char* name;      // for people: "ViT"
  const char* examples;  // architectures and model types it loads, for messages
  bool (*matches)(const io::ModelConfig& config);
  std::shared_ptr<LoadedModel> (*load)(const Device& device, DType storage, const io::ModelConfig& config,
                                       const io::Weights& weights, const ModelOptions& options);
};

}  // namespace fovea
