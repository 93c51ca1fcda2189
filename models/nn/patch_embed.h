// From pictures to tokens: patches through one linear layer, or early convolutions in its place.
#pragma once

#include <optional>
#include <vector>

#include "models/nn/conv.h"
#include "models/nn/linear.h"

namespace fovea::layers {

// Stages of one 3×3 convolution of stride 2 and residual blocks (Xiao et al. 2021, "Early Convolutions Help
// Transformers See Better"; blocks of He et al. 2016).
class ConvStem {
 public:
  ConvStem(WeightStore& store, const io::Weights& w);
  // input [images, 3, height, width] → [images, height / reduction * width / reduction, columns]
  Tensor operator()(Recorder& r, const Tensor& input) const;

 private:
  struct ResidualBlock {
    Conv conv1, conv2;
  };
  struct Stage {
    Conv conv;
    std::vector<ResidualBlock> blocks;
  };
  std::vector<Stage> stages_;
};

struct PatchShape {
  uint32_t width = 0;           // of a token
  uint32_t rows = 0, cols = 0;  // of a patch, pixels
};
// What `patch_embed.proj`, or `stem` in its place, says.
PatchShape patch_shape(const io::Weights& w);

class PatchEmbed {
 public:
  PatchEmbed(WeightStore& store, const io::Weights& w, const PatchShape& shape);
  // input [images, 3, height, width], whole patches → [images, patches, width]
  Tensor operator()(Recorder& r, const Tensor& input) const;

 private:
  PatchShape shape_;
  std::optional<Linear> linear_;
  std::optional<ConvStem> stem_;
};

}  // namespace fovea::layers
