// What every architecture is to the rest of the library: something that records its forward pass.
#pragma once

#include <vector>

#include "fovea/model.h"
#include "models/io/config.h"
#include "models/weight_store.h"
#include "runtime/ops/attention.h"
#include "runtime/recorder.h"

namespace fovea {

// One layer's attention as it can be drawn afterwards: queries, keys and log-sum-exp, never probabilities.
struct AttentionRecord {
  ops::AttentionInput input;
  Tensor lse;
};

// Handed through a forward pass by whoever wants attention; no tap, no cost.
struct AttentionTap {
  std::vector<AttentionRecord> layers;
};

struct ForwardResult {
  Tensor logits;    // [images, classes], or pooled features without a head
  Tensor features;  // [images, tokens, width] after the final norm; empty unless asked for
};

class LoadedModel {
 public:
  LoadedModel(const Device& device, DType storage) : device_(device), store_(device.impl(), storage) {}
  virtual ~LoadedModel() = default;

  // input [images, 3, height, width], normalised, at storage type.
  virtual ForwardResult forward(Recorder& r, const Tensor& input, bool features, AttentionTap* tap) const = 0;

  // Ends loading: weights are on the device afterwards.
  void finish(uint64_t parameters) {
    store_.finish();
    info_.parameters = parameters;
    info_.precision = store_.storage() == DType::f16 ? Precision::fp16 : Precision::fp32;
  }

  const Device& device() const { return device_; }
  const ModelInfo& info() const { return info_; }
  const io::PreprocessConfig& preprocess() const { return preprocess_; }
  DType storage() const { return store_.storage(); }
  uint64_t weight_bytes() const { return store_.bytes(); }

 protected:
  Device device_;
  WeightStore store_;
  ModelInfo info_;
  io::PreprocessConfig preprocess_;
};

}  // namespace fovea
