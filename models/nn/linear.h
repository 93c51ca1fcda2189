// Linear layers, and convolutions of one pixel, which are the same.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/weights/weight_store.h"
#include "models/weights/weights.h"
#include "runtime/ops/nn/linear.h"

namespace fovea::layers {

// What a linear layer is made of, for those who cut, pad or join it first.
struct LinearNumbers {
  std::string name;  // of the module
  uint32_t columns = 0, inputs = 0;
  std::vector<float> weight;  // [columns, inputs]
  std::vector<float> bias;    // [columns], or empty
};
// Columns and inputs of a module whose weight is [columns, inputs] or a 1×1 convolution's. Throws
// Error(model) for any other shape and for sizes beyond reason.
uint32_t linear_columns(const io::Weights& w);
uint32_t linear_inputs(const io::Weights& w);
LinearNumbers linear_numbers(const io::Weights& w, uint32_t columns, uint32_t inputs);
// The rows of several, one behind the other. Where only some have a bias, the others' is zero.
LinearNumbers stacked(std::string name, std::span<const LinearNumbers> parts);

class Linear {
 public:
  // weight [columns, inputs] of any trailing shape, e.g. a convolution's; bias [columns] where there is one.
  Linear(WeightStore& store, const io::Weights& w, uint32_t columns,
         std::initializer_list<uint64_t> weight_shape, float factor = 1.0F);
  // The same, or the weight of a 1×1 convolution.
  Linear(WeightStore& store, const io::Weights& w, uint32_t columns, uint32_t inputs, float factor = 1.0F);
  Linear(WeightStore& store, const LinearNumbers& numbers);

  Tensor operator()(Recorder& r, const Tensor& x, const ops::LinearOptions& options = {}) const;
  // The gradient by x, f32, from that by scale ⊙ (x Wᵀ + bias).
  Tensor backward(Recorder& r, const Tensor& dy, const Tensor& scale = {}) const;

  const std::string& name() const { return name_; }  // of the module
  const ops::LinearWeights& weights() const { return weights_; }

 private:
  std::string name_;
  ops::LinearWeights weights_;
};

// [channels rounded up to fours] f32, as linear layers and ops::modulate read factors of channels.
Tensor channel_vector(WeightStore& store, std::span<const float> values);

}  // namespace fovea::layers
