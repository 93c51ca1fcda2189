// What no weight of timm's EfficientNets and MobileNets shows: which blocks stride, skip and activate how,
// padding and epsilon. It follows from the architecture's name, or stands in the configuration.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/config/config.h"
#include "models/nn/gates.h"

namespace fovea::efficientnet {

enum class BlockKind {
  separable,  // depthwise, pointwise (Howard et al. 2017)
  inverted,   // pointwise, depthwise, pointwise (Sandler et al. 2018)
  edge,       // k × k instead of the first two (Tan & Le 2021's Fused-MBConv)
  plain,      // one convolution
};

// A block, or several in a row that differ in what weights show alone.
struct BlockRule {
  BlockKind kind = BlockKind::plain;
  uint32_t repeats = 0;                       // 0: all of the stage
  uint32_t stride = 1;                        // of the first
  std::optional<ops::Activation> activation;  // where it is not the network's
  bool skips = true;                          // adds its input where the shapes agree
  bool ends_active = false;                   // an activation behind its last convolution
  bool operator==(const BlockRule&) const = default;
};
using StageRules = std::vector<BlockRule>;

struct Design {
  std::vector<StageRules> stages;
  ops::Activation activation = ops::Activation::relu;
  // Of squeeze-and-excitation: its activation, or that of its block.
  std::optional<ops::Activation> gate_activation;
  ops::Activation gate = ops::Activation::sigmoid;
  bool pools_first = false;   // the head's convolution reads the mean (Howard et al. 2019, fig. 5)
  bool same_padding = false;  // TensorFlow's: the odd pixel goes to the right and bottom
  float epsilon = 1e-5F;      // of BatchNorm
};

// Architectures whose design is known.
bool is_known(const std::string& architecture);
// Throws Error(model) for settings that change the mathematics into something else.
Design design_of(const io::ModelConfig& config);

// The rule for block `i` of the `blocks` that the weights hold of a stage. Throws Error(model) where it is
// undecided.
const BlockRule& rule_of(const StageRules& rules, size_t i, size_t blocks, const io::ModelConfig& config);

}  // namespace fovea::efficientnet
