// The vision transformer (Dosovitskiy et al. 2021) for every family that is one: it is told a shape, and
// binds the weights under timm's names.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "models/model/model.h"
#include "models/nn/block.h"
#include "models/nn/class_head.h"
#include "models/nn/patch_embed.h"
#include "models/nn/position_embedding.h"
#include "models/nn/tanh_linear.h"

namespace fovea {

// What the head reads. token_and_mean: the first token, and behind it the mean of the patches.
enum class Pool { token, mean, token_and_mean, attention };

struct VitShape {
  layers::PatchShape patch;
  uint32_t width = 0, depth = 0, heads = 0;
  bool cls = false, dist = false;
  uint32_t registers = 0;
  Pool pool = Pool::token;
  uint32_t pool_heads = 0;    // of an attention pool; 0: as many as the blocks have
  bool pools_prefix = false;  // an attention pool reads class and register tokens too
  float epsilon = 1e-6F;
  ops::Activation activation = ops::Activation::gelu;  // of MLPs without a gate
  layers::NormPlace norms = layers::NormPlace::before;

  // Learned positions, where the weights have pos_embed. The grid is that of the configuration's input, and
  // whether prefix tokens have positions too is told by their number, where these are empty.
  struct Positions {
    std::optional<std::array<uint32_t, 2>> grid{};  // rows, cols
    std::optional<uint32_t> prefix{};               // prefix tokens with a position, the first ones
    layers::Bicubic kernel = layers::Bicubic::smoothed;
  };
  Positions positions{};

  // Rotary positions of a grid of patches: one table for all blocks, or one a block.
  struct RotaryPositions {
    uint32_t tables = 0;  // none, 1 or depth
    std::function<layers::Rotary::Grid(uint32_t rows, uint32_t cols, uint32_t block)> grid;
  };
  RotaryPositions rotary{};

  // The class token behind the last norm is an answer of its own, transformers' pooler_output.
  bool pooler_output = false;

  uint32_t prefix() const { return (cls ? 1 : 0) + (dist ? 1 : 0) + registers; }
};

// What weights say: patches, widths, depth and tokens. Throws Error(model) where they hold no blocks.
VitShape vit_sizes(const Loading& from);

class Vit : public LoadedModel {
 public:
  Vit(const Loading& from, const VitShape& shape);
  void forward(Pass& pass) const override;

 private:
  Tensor token_table(const io::ModelConfig& config, const io::Weights& w);
  void bind_blocks(const io::Weights& w);
  layers::ClassHead class_head(const io::ModelConfig& config, const io::Weights& w);
  std::vector<layers::Linear> linears(const io::ModelConfig& config, const io::Weights& w);
  void declare_answers(const io::Weights& w);
  Tensor class_token(Recorder& r, const Tensor& x) const;

  const size_t pixels_ = declare_pixels(), features_ = declare_features();
  size_t pooler_output_ = no_output, logits_ = no_output;
  VitShape s_;
  TokenGrid grid_;  // of patches, and the tokens before them
  layers::PatchEmbed patch_embed_;
  Tensor table_;  // [tokens, width]: position embeddings, prefix tokens added
  std::optional<layers::LayerNorm> norm_pre_;
  std::vector<layers::Block> blocks_;
  std::optional<layers::ClassHead> head_;
  std::optional<layers::TanhLinear> pooler_;
};

}  // namespace fovea
