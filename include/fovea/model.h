// A model loaded from the files the model hubs give: config.json + model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fovea/device.h"

namespace fovea {

enum class Precision { automatic, fp32, fp16 };  // storage; arithmetic accumulates in fp32 always
const char* to_string(Precision precision);

struct ModelOptions {
  // automatic: fp16 where the device stores it and is not a CPU, fp32 elsewhere.
  Precision precision = Precision::automatic;
  // Input size in pixels; 0 keeps the one in the config. Position embeddings are resampled (bicubic,
  // antialias).
  uint32_t height = 0, width = 0;
};

// One attention layer as maps see it; layers of a model may differ.
struct AttentionLayer {
  uint32_t heads = 0;
  uint32_t rows = 0, cols = 0;  // grid of patches
  uint32_t prefix_tokens = 0;   // class, distillation and register tokens before the patches
  bool has_cls = false;         // token 0 is a class token
};

struct ModelInfo {
  std::string architecture;               // as the config names it, e.g. "vit_tiny_patch16_224"
  uint32_t height = 0, width = 0;         // input size, pixels
  std::vector<AttentionLayer> attention;  // first block first
  uint32_t classes = 0;                   // size of `logits`; of the features when the model has no head
  bool has_head = false;
  std::vector<std::string> labels;  // one a class, empty when nobody named them
  uint64_t parameters = 0;
  Precision precision = Precision::fp32;  // what was chosen
};

class LoadedModel;  // the implementation, models/model.h

// Weights on a device. Cheap to copy: copies share the weights.
class Model {
 public:
  // Throws Error(file) for unreadable or malformed files, Error(model) for an architecture we do not have
  // (naming it and those we have) or tensors that do not fit (naming tensor, both shapes and the file).
  static Model load(const Device& device, const std::filesystem::path& folder,
                    const ModelOptions& options = {});

  const ModelInfo& info() const;
  const Device& device() const;
  const LoadedModel& impl() const { return *impl_; }

 private:
  explicit Model(std::shared_ptr<const LoadedModel> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const LoadedModel> impl_;
};

// Architectures and model types that load, for messages and `fovea` help.
std::vector<std::string> known_architectures();

}  // namespace fovea
