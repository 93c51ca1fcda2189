// The vision transformer's tokens (Dosovitskiy et al. 2021, eqs. 1 to 3) for every model that has them: it is
// told a shape, and binds the weights under timm's names.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "models/model/model.h"
#include "models/nn/block.h"
#include "models/nn/patch_embed.h"
#include "models/nn/position_embedding.h"

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
// The whole shape of an architecture that ViTs are called by: vit/variants.h.
VitShape vit_shape(const Loading& from);

// Patches of pictures, tokens in front of them, positions, and blocks; in front of the last norm.
class VitTrunk {
 public:
  // info: size of the pictures. Throws Error(usage) where that is not whole patches.
  VitTrunk(WeightStore& store, const io::ModelConfig& config, const io::Weights& w, const ModelInfo& info,
           const VitShape& shape);
  // pixels [images, 3, height, width] → [images, tokens, width]
  Tensor operator()(Recorder& r, const Tensor& pixels, AttentionTap* tap) const;
  const TokenGrid& grid() const { return grid_; }  // of patches, and the tokens before them

 private:
  Tensor token_table(WeightStore& store, const io::ModelConfig& config, const io::Weights& w);
  void bind_blocks(WeightStore& store, const io::Weights& w);

  VitShape s_;
  TokenGrid grid_;
  layers::PatchEmbed patch_embed_;
  Tensor table_;  // [tokens, width]: position embeddings, prefix tokens added
  std::optional<layers::LayerNorm> norm_pre_;
  std::vector<layers::Block> blocks_;
};

}  // namespace fovea
