// Convolution layers, BatchNorm folded into their weights.
#pragma once

#include <string>
#include <vector>

#include "models/weights/weight_store.h"
#include "models/weights/weights.h"
#include "runtime/ops/conv/conv.h"

namespace fovea::layers {

// BatchNorm of trained statistics: y = scale ⊙ x + shift.
struct Affine {
  std::vector<float> scale, shift;
};
Affine batch_norm(const io::Weights& bn, uint32_t channels, float epsilon = 1e-5F);

struct ConvShape {
  uint32_t inputs = 0, columns = 0, groups = 1;  // of the checkpoint's weight
  ops::Window window;
};

// What a convolution is made of, for those who cut or pad it first.
struct ConvNumbers {
  std::string name;           // of the module
  std::vector<float> weight;  // [columns, inputs / groups, rows, cols]
  std::vector<float> bias;    // [columns], or empty
};
ConvNumbers conv_numbers(const io::Weights& conv, const ConvShape& shape);
// conv, then BatchNorm: scale ⊙ (W ∗ x + b) + shift.
ConvNumbers conv_numbers(const io::Weights& conv, const io::Weights& bn, const ConvShape& shape,
                         float epsilon = 1e-5F);

class Conv {
 public:
  // weight [columns, inputs / groups, rows, cols]; bias [columns] where there is one.
  Conv(WeightStore& store, const io::Weights& conv, const ConvShape& shape)
      : Conv(store, conv_numbers(conv, shape), shape) {}
  // conv, then BatchNorm.
  Conv(WeightStore& store, const io::Weights& conv, const io::Weights& bn, const ConvShape& shape,
       float epsilon = 1e-5F)
      : Conv(store, conv_numbers(conv, bn, shape, epsilon), shape) {}
  Conv(WeightStore& store, const ConvNumbers& numbers, const ConvShape& shape);

  // x [images, height, width, inputs]. A convolution of fewer than four inputs also takes x with four
  // channels and ignores the rest: what the network's input is laid out as.
  Tensor operator()(Recorder& r, const Tensor& x, const ops::LinearOptions& options = {}) const;

 private:
  std::string name_;
  ops::ConvWeights weights_, four_inputs_;
};

}  // namespace fovea::layers
