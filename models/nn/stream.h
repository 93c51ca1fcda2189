// Walking back along a residual stream, from a class's logit to what each layer's attention did for it.
#pragma once

#include "models/nn/attention_tap.h"
#include "models/nn/class_head.h"
#include "models/nn/step.h"

namespace fovea::layers {

// Whether the softmaxes of a pass are the steps of one stream, each layer the step of its number.
bool is_stream(const AttentionTap& tap);
// Whether a head with classes reads the end of that stream besides.
bool is_explained(const AttentionTap& tap);

// Attention of the first `rows` tokens as a forward pass kept it.
ops::AttentionInput attention_of(const AttentionRecord& record, uint32_t rows);

// What a map reads of a layer: the gradient of a logit by the outputs of its heads, [images, rows, heads *
// width] f32, and the attention of those first tokens. The other tokens' gradient is zero.
struct HeadsGradient {
  ops::AttentionInput attention;
  Tensor lse, gradient;
};

// Runs a stream backwards, from the last step down. What the forward pass did not keep is computed again.
class StreamBackward {
 public:
  // gradient: by the end of the stream, of its first tokens (ClassHead::gradient).
  StreamBackward(const AttentionTap& tap, const Tensor& gradient);
  // The next step: the last one first.
  const HeadsGradient& down(Recorder& r);

 private:
  Tensor by_input(Recorder& r) const;  // the gradient by the input of the step that down() gave last

  const AttentionTap& tap_;
  Tensor gradient_;  // by the output of the next step
  size_t step_;      // that down() gave last
  HeadsGradient at_;
  Step::Middle middle_;
  Tensor dmiddle_;
};

}  // namespace fovea::layers
