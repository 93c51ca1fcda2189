// What every architecture is to the rest of the library: something that records its forward pass.
#pragma once

#include <vector>

#include "fovea/model.h"
#include "models/config/config.h"
#include "models/nn/attention_tap.h"
#include "models/weights/weight_store.h"
#include "runtime/ops/nn/linear.h"
#include "runtime/record/recorder.h"

namespace fovea {

namespace layers {
struct TransformerChain;
}

// One run of a chain of transformer blocks: what class-specific maps take apart.
struct ChainRun {
  const layers::TransformerChain* chain = nullptr;  // belongs to the model
  std::vector<Tensor> stream;  // [images, tokens, width]: each block's input, then the last one's output
  explicit operator bool() const { return chain != nullptr; }
};

// A head that reads the mean over cells, linear but for a norm: what class activation maps are exact for.
struct PooledHead {
  enum class Norm { none, before_pooling, after_pooling };
  Tensor features;              // [images, tokens, width], before the norm where that comes first
  uint32_t rows = 0, cols = 0;  // grid of the cells
  uint32_t prefix_tokens = 0;   // before them, not in the mean
  Norm norm = Norm::none;
  Tensor gamma;  // [width] f32, of that norm
  float epsilon = 0;
  ops::LinearWeights head;
  explicit operator bool() const { return static_cast<bool>(features); }
};

// The LayerNorm that tokens pass behind the last block.
struct FinalNorm {
  Tensor gamma, beta;  // [width] f32
  float epsilon = 0;
  explicit operator bool() const { return static_cast<bool>(gamma); }
};

struct ForwardResult {
  Tensor logits;    // [images, classes], or pooled features without a head
  Tensor features;  // after the final norm, in the reference implementation's shape; empty unless asked for
  PooledHead pooled_head;  // empty where the answer does not come from a mean
  FinalNorm final_norm;    // empty where there is none, or none of all tokens
  ChainRun chain;          // empty without a tap, and for models that are no chain with a head
};

class LoadedModel {
 public:
  LoadedModel(const Device& device, DType storage) : device_(device), store_(device.impl(), storage) {}
  virtual ~LoadedModel() = default;

  // input [images, 3, height, width], normalised, at storage type.
  virtual ForwardResult forward(Recorder& r, const Tensor& input, bool features, AttentionTap* tap) const = 0;

  // Ends loading: weights are on the device afterwards.
  void finish(uint64_t parameters);
  // What of its attention can be drawn, as a pass told it.
  void set_maps(std::vector<AttentionLayer> layers, std::vector<MapMethod> methods, const PooledHead& head);

  const Device& device() const { return device_; }
  const ModelInfo& info() const { return info_; }
  const io::PreprocessConfig& preprocess() const { return preprocess_; }
  DType storage() const { return store_.storage(); }
  uint64_t weight_bytes() const { return store_.bytes(); }

 protected:
  // The configuration's preprocessing, at another input size where the options have one.
  void take_input_size(const io::ModelConfig& config, const ModelOptions& options);
  // What the configuration says of the model, once the input size is known. Throws what labels_for() does.
  void describe(const io::ModelConfig& config, uint32_t classes, bool has_head);

  Device device_;
  WeightStore store_;
  ModelInfo info_;
  io::PreprocessConfig preprocess_;
};

}  // namespace fovea
