// A step of a residual stream in which tokens gather from one another, as maps that explain a class walk back
// through it: attention adds to the stream first, and something that no token sees of others afterwards.
#pragma once

#include <vector>

#include "models/nn/attention_tap.h"
#include "runtime/ops/attention/attention.h"
#include "runtime/record/recorder.h"

namespace fovea::layers {

// All gradients are f32. Attention is that of the first in.layout.queries tokens as the forward pass kept it,
// and gradients are by those: the other tokens' are zero.
class Step {
 public:
  Step() = default;
  Step(const Step&) = default;
  Step(Step&&) = default;
  Step& operator=(const Step&) = default;
  Step& operator=(Step&&) = default;
  virtual ~Step() = default;

  // Run again: the heads' outputs o [images, queries, channels], and the stream y behind the attention, x the
  // step's input.
  struct Middle {
    Tensor o, y;
  };
  virtual Middle middle(Recorder& r, const Tensor& x, const ops::AttentionInput& in) const = 0;
  // From the gradient by the step's output to that by the stream in the middle.
  virtual Tensor middle_gradient(Recorder& r, const Tensor& middle, const Tensor& dy) const = 0;
  // On to that by the heads' outputs; o may be empty: it is made again where it is needed. held: deviations
  // of norms count as constants.
  virtual Tensor heads_gradient(Recorder& r, const ops::AttentionInput& in, const Tensor& o,
                                const Tensor& dmiddle, bool held) const = 0;
  // On to that by the step's input; for all tokens.
  virtual Tensor input_gradient(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                                const ops::AttentionResult& forward, const Tensor& heads_gradient,
                                const Tensor& dmiddle) const = 0;

  // What attention adds to the stream without any head, as products: Σ over tokens of gradient · (vector ⊙
  // scale), gradient [images, queries, channels], vector and scale [channels, or rounded up to fours] f32;
  // scale may be empty. Deviations of norms are held.
  struct Product {
    Tensor gradient, vector, scale;
  };
  virtual std::vector<Product> constants(Recorder& r, const ops::AttentionInput& in,
                                         const Tensor& dmiddle) const = 0;
};

}  // namespace fovea::layers
