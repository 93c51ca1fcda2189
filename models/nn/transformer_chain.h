// A vision transformer as its class-specific maps see it: a chain of blocks on one residual stream, and a
// head that reads some of its tokens.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "models/nn/block.h"

namespace fovea::layers {

struct TransformerChain {
  std::span<const Block> blocks;
  uint32_t prefix_tokens = 0;  // before the patches
  bool pooled = false;  // the head reads the mean over patches; else each head its own of the first tokens
  std::optional<LayerNorm> norm, fc_norm;  // of all tokens, and of what was pooled
  std::vector<ops::LinearWeights> heads;   // whose answers add up

  // Attention of the first `rows` tokens as a forward pass kept it.
  static ops::AttentionInput attention_of(const AttentionRecord& record, uint32_t rows) {
    ops::AttentionInput in = record.input;
    in.layout.queries = rows;
    return in;
  }
  // How many of the first tokens the head reads; all of `tokens` where it pools.
  uint32_t rows(uint32_t tokens) const { return pooled ? tokens : static_cast<uint32_t>(heads.size()); }
  // The weights of each image's class, classes [images, any]: [images, heads, width] f32.
  Tensor class_weights(Recorder& r, const Tensor& classes, uint32_t rank) const;
  // The gradient of a class's logit by the stream's tokens behind the last block, [images, rows, width] f32.
  // x: that stream, [images, tokens, width]. held: statistics of the norms count as constants.
  Tensor head_gradient(Recorder& r, const Tensor& x, const Tensor& class_weights, bool held) const;
};

// What a map reads of a layer: the gradient of a logit by the outputs of its heads, [images, rows, heads *
// width] f32, and the attention of those first tokens. The other tokens' gradient is zero.
struct HeadsGradient {
  ops::AttentionInput attention;
  Tensor lse, gradient;
};

// Runs a chain backwards, from the last block down. What a forward pass did not keep is computed again from
// the stream.
class ChainBackward {
 public:
  // gradient: by the stream behind the last block, of its first tokens (TransformerChain::head_gradient).
  ChainBackward(const TransformerChain& chain, std::span<const AttentionRecord> records,
                std::span<const Tensor> stream, const Tensor& gradient);
  // The next block: the last one first.
  const HeadsGradient& down(Recorder& r);

 private:
  Tensor by_input(Recorder& r) const;  // the gradient by the input of the block that down() gave last

  const TransformerChain& chain_;
  std::span<const AttentionRecord> records_;
  std::span<const Tensor> stream_;
  Tensor gradient_;  // by the output of the next block
  uint32_t layer_;   // that down() gave last
  HeadsGradient at_;
  Tensor o_, middle_;  // the heads' outputs there, and the gradient by the stream in the middle
};

}  // namespace fovea::layers
