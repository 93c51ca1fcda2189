// Multi-head self-attention (Vaswani et al. 2017, 3.2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/nn/attention_tap.h"
#include "models/nn/heads.h"
#include "models/nn/layer_norm.h"
#include "models/nn/rotary.h"
#include "models/nn/step.h"
#include "models/nn/windows.h"

namespace fovea::layers {

struct AttentionShape {
  uint32_t inputs = 0, outputs = 0;  // channels of a token before and after
  uint32_t heads = 0;
  float epsilon = 1e-6F;  // of the norms inside
  QkvOrder order = QkvOrder::parts_first;
  TokenGrid grid{};  // what the tokens are; of windows, what Windows say
  std::optional<Rotary> rotary{};
  Tensor bias{};      // added to the logits, f32 [1, heads or 1, tokens, tokens rounded up to fours]
  bool norm = false;  // w / "norm" over what the heads give, in front of proj (EVA-02)
  // A number a head: logits are cosines of queries and keys times it (Liu et al. 2022, "Swin Transformer V2",
  // eq. 2). Empty where they are products over √width.
  std::vector<float> cosine{};
};

// w holds `qkv`, or `q_proj`, `k_proj` and `v_proj`, and `proj`, as linear layers or as 1×1 convolutions;
// queries and keys are normalised per head where it has `q_norm` and `k_norm`.
class Attention {
 public:
  Attention(WeightStore& store, const io::Weights& w, const AttentionShape& shape);

  // y = residual + scale ⊙ proj(attention(x)), x [images, tokens, inputs]; residual and scale may be empty.
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale,
                    AttentionTap* tap) const;
  // The same inside windows: x [images * windows, tokens, inputs] as `windows` cut it, y [images, cells,
  // outputs].
  Tensor operator()(Recorder& r, const Tensor& x, const Windows& windows, const Tensor& residual,
                    const Tensor& scale, AttentionTap* tap) const;

  // Run again with queries, keys and values that a forward pass kept, for the first in.layout.queries tokens,
  // which are those of `residual`: what the heads give, and y.
  Step::Middle again(Recorder& r, const ops::AttentionInput& in, const Tensor& residual,
                     const Tensor& scale) const;
  // residual + scale ⊙ proj(o).
  Tensor project(Recorder& r, const Tensor& o, const Tensor& residual, const Tensor& scale) const;
  // Backwards, all gradients f32: from that by scale ⊙ proj(o) to that by o, and to that by x. held:
  // deviations of norms count as constants.
  Tensor heads_gradient(Recorder& r, const Tensor& o, const Tensor& dy, const Tensor& scale, bool held) const;
  Tensor backward(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                  const ops::AttentionResult& forward, const Tensor& heads_gradient) const;
  bool has_norm() const { return norm_.has_value(); }  // between heads and proj
  // What no head is in of scale ⊙ proj(o), for a number whose gradient by that is dy.
  std::vector<Step::Product> constants(Recorder& r, const Tensor& dy, const Tensor& scale) const;

 private:
  Tensor heads(Recorder& r, const Tensor& x, const Tensor& mask, const TokenGrid& grid,
               AttentionTap* tap) const;

  std::string name_;
  Heads heads_;
  TokenGrid grid_;
  std::optional<Rotary> rotary_;
  Tensor bias_;
  Tensor cosine_;  // f32 [2 * heads]: what queries and keys of length one are multiplied by
  Linear qkv_, proj_;
  std::optional<LayerNorm> q_norm_, k_norm_, norm_;
};

}  // namespace fovea::layers
