// Gates: attention of convolutional networks that multiplies channels or pixels by a number from 0 to 1.
#pragma once

#include <string>

#include "models/nn/attention_tap.h"
#include "models/nn/conv.h"
#include "models/nn/linear.h"
#include "models/weights/weight_store.h"
#include "models/weights/weights.h"
#include "runtime/ops/nn/modulate.h"
#include "runtime/record/recorder.h"

namespace fovea::layers {

// What becomes of the gated tensor: final(residual + gate ⊙ x).
struct GateOptions {
  Tensor residual;
  ops::Activation final = ops::Activation::none;
};

// How networks differ in their squeeze-and-excitation.
struct SqueezeExciteStyle {
  ops::Activation activation = ops::Activation::relu, gate = ops::Activation::sigmoid;
  const char *squeeze = "fc1", *excite = "fc2";  // the layers' names
};

// Squeeze-and-excitation (Hu et al. 2018, eqs. 2 to 4): σ(fc2(act(fc1(mean of x)))) for each channel.
class SqueezeExcite {
 public:
  SqueezeExcite(WeightStore& store, const io::Weights& w, uint32_t channels,
                const SqueezeExciteStyle& style = {});
  // x [images, rows, cols, channels]
  Tensor operator()(Recorder& r, const Tensor& x, const GateOptions& options, AttentionTap* tap) const;

 private:
  std::string name_;
  ops::Activation activation_, gate_;
  Linear fc1_, fc2_;
};

// CBAM (Woo et al. 2018, eqs. 1 to 3): a gate for each channel, then one for each pixel. The pixel's
// statistics are (mean, max) in this order, as timm has them; the authors' code has (max, mean).
class Cbam {
 public:
  Cbam(WeightStore& store, const io::Weights& w, uint32_t channels);
  Tensor operator()(Recorder& r, const Tensor& x, const GateOptions& options, AttentionTap* tap) const;

 private:
  std::string name_;
  Linear fc1_, fc2_;
  Conv spatial_;
};

}  // namespace fovea::layers
