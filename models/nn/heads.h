// How the channels of an attention layer split into heads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/nn/linear.h"

namespace fovea::layers {

// Kernels read fours of channels, so heads of another width get channels of zeros; products and outputs do
// not change.
struct Heads {
  uint32_t count = 0, width = 0;  // width: channels of a head

  // Throws Error(model) where `channels` do not split; `w` is the layer's.
  static Heads of(const io::Weights& w, uint32_t channels, uint32_t count);
  uint32_t padded() const { return (width + 3) / 4 * 4; }
  uint32_t channels() const { return count * width; }
  uint32_t padded_channels() const { return count * padded(); }
  float scale() const;  // of logits, 1 / √width
};

// [groups, width, length] → [groups, padded, length].
std::vector<float> padded_heads(std::span<const float> values, const Heads& heads, size_t length);
// A matrix whose rows, or whose inputs, are those of whole heads.
LinearNumbers padded_rows(LinearNumbers numbers, const Heads& heads);
LinearNumbers padded_inputs(LinearNumbers numbers, const Heads& heads);

// How the rows of a qkv matrix follow each other: [3, heads, width] or [heads, 3, width].
enum class QkvOrder { parts_first, heads_first };

// Queries, keys and values of `inputs` channels as one matrix [3, heads, width]: `qkv`, or `q_proj`, `k_proj`
// and `v_proj` one behind the other. Biases are those that there are, q_bias and v_bias among them.
LinearNumbers qkv_numbers(const io::Weights& w, uint32_t inputs, uint32_t heads, QkvOrder order);

}  // namespace fovea::layers
