// Self-attention inside windows with a bias for each offset: Swin (Liu et al. 2021, eq. 4), TinyViT, CoAtNet.
#pragma once

#include <optional>
#include <string>

#include "models/nn/basic.h"
#include "models/nn/relative_position.h"
#include "models/nn/windows.h"

namespace fovea::layers {

// How the rows of a qkv weight follow each other: [3, heads, width] or [heads, 3, width].
enum class QkvOrder { parts_first, heads_first };

class WindowAttention {
 public:
  // w holds qkv [3 * heads * width, inputs] and proj [outputs, heads * width], as linear layers or as 1×1
  // convolutions. Heads are the bias's.
  WindowAttention(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t outputs, QkvOrder order,
                  const OffsetBias& bias);

  // y = residual + scale ⊙ proj(attention(x)): x [images * windows, tokens, inputs] as `windows` cut it, y
  // [images, cells, outputs].
  Tensor operator()(Recorder& r, const Tensor& x, const Windows& windows, const Tensor& residual,
                    const Tensor& scale, AttentionTap* tap) const;

 private:
  std::string name_;
  uint32_t heads_;
  float scale_ = 1;  // of the logits
  std::optional<Linear> qkv_, proj_;
  Tensor bias_;
};

}  // namespace fovea::layers
