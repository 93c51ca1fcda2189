// A model loaded from the files the model hubs give: config.json + model.safetensors, which may be split into
// shards that model.safetensors.index.json lists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/device.h"
#include "fovea/maps.h"

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

// A model's files in memory. They are read during Model::load alone: weights are copied to the device.
struct ModelBytes {
  std::string name;                              // for messages, in place of the folder
  std::string_view config;                       // the text of config.json
  std::optional<std::string_view> preprocessor;  // of preprocessor_config.json, where there is one
  std::span<const std::byte> weights;            // model.safetensors; need not be aligned
};

enum class AttentionKind {
  self_attention,      // a softmax over the keys for each query
  sequence_attention,  // the same of tokens that are no cells of a picture: a decoder's own attention
  cross_attention,     // of a sequence's tokens over those of another one
  attention_pool,      // one over all tokens for a learned query, by which a head reads them
  token_scores,        // one softmax over all tokens: separable attention (Mehta & Rastegari 2022)
  channel_gate,        // a factor a channel: squeeze-and-excitation (Hu et al. 2018), CBAM
  spatial_gate,        // a factor a cell: CBAM (Woo et al. 2018)
};
const char* to_string(AttentionKind kind);

// One attention layer as maps see it; layers of a model may differ.
struct AttentionLayer {
  AttentionKind kind = AttentionKind::self_attention;
  uint32_t heads = 1;           // 1 for scores and gates
  uint32_t rows = 0, cols = 0;  // grid of patches
  uint32_t prefix_tokens = 0;   // class, distillation and register tokens before the patches
  bool has_cls = false;         // token 0 is a class token
  std::string name;             // of the module, as the weights name it: "blocks.3.attn"
  std::string tensor;           // in what run() returns: "attn.3", "gate.0", "pool_attn.0"
};

struct ModelInfo {
  std::string architecture;               // as the config names it, e.g. "vit_tiny_patch16_224"
  bool takes_pictures = false;            // others take tensors by name alone (run.h)
  uint32_t height = 0, width = 0;         // input size, pixels
  std::vector<AttentionLayer> attention;  // in running order
  std::vector<MapMethod> maps;            // methods that make sense for the model
  uint32_t cam_rows = 0, cam_cols = 0;    // grid of a class activation map, where there is one
  uint32_t classes = 0;  // size of `logits`, which timm fills with features without a head; or 0
  bool has_head = false;
  std::vector<std::string> labels;  // one a class, empty when nobody named them
  uint64_t parameters = 0;
  Precision precision = Precision::fp32;  // what was chosen
};

// Layers of info.attention that a method draws, in running order; none for a method that takes no layer.
std::vector<uint32_t> drawable_layers(const ModelInfo& info, MapMethod method);
// The one that a request means; a negative layer counts from the end of those that the method draws, without
// attention pools where the request has a query. Throws RequestError where there is no such layer or the
// method does not draw it.
uint32_t layer_of(const ModelInfo& info, const MapRequest& request);
// The request as the model takes it, a negative layer replaced by the one that it means. Throws RequestError
// for what the model does not have and for numbers out of range. `ranked`: how many of an image's best
// classes are known.
MapRequest resolved(const MapRequest& request, const ModelInfo& info, uint32_t ranked = UINT32_MAX);
// Throws RequestError where a method that starts from a token has neither a query nor a class token.
void require_start(const MapRequest& request, const ModelInfo& info);

class LoadedModel;  // the implementation, models/model/model.h

// Weights on a device. Cheap to copy: copies share the weights.
class Model {
 public:
  // Throws Error(file) for unreadable or malformed files, Error(model) for an architecture we do not have
  // (naming it and those we have) or tensors that do not fit (naming tensor, both shapes and the file).
  static Model load(const Device& device, const std::filesystem::path& folder,
                    const ModelOptions& options = {});
  // The same for files in memory.
  static Model load(const Device& device, const ModelBytes& files, const ModelOptions& options = {});

  const ModelInfo& info() const;
  const Device& device() const;
  const LoadedModel& impl() const { return *impl_; }

 private:
  explicit Model(std::shared_ptr<const LoadedModel> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const LoadedModel> impl_;
};

// What a configuration says, without a device and without opening weights. Throws Error(file) or Error(model)
// as Model::load does for a configuration that cannot be read.
struct ModelSummary {
  std::string architecture;
  std::string family;        // that loads it; empty where Fovea has none
  std::string refusal;       // then: "describes a 'resnest50d', which Fovea does not have"
  bool writes_text = false;  // with a tokenizer: fovea/tokenizer.h
};
ModelSummary summarize(const std::filesystem::path& folder);
ModelSummary summarize(const ModelBytes& files);

// Architectures and model types that load, for messages and `fovea` help.
std::vector<std::string> known_architectures();

}  // namespace fovea
