// timm's Eva class: one transformer of which EVA, DINOv3, RoPE-ViT and Perception Encoder are settings.
#pragma once

#include <span>
#include <string_view>

#include "models/arch/vit/vit_model.h"

namespace fovea::eva {

enum class Rope { none, axial, mixed, centred };  // timm: no rope, cat, mixed, dinov3

// What an architecture's name stands for and no weight shows. model_args of the configuration may say
// otherwise.
struct Settings {
  std::string_view name;
  uint32_t heads = 0;
  std::string_view pool = "avg";  // what the head reads: avg, token, map
  Rope rope = Rope::none;
  double temperature = 10000;
  double offset = 0;
  uint32_t reference = 0;      // side of the grid that positions are scaled to; 0: not scaled
  bool columns_first = false;  // timm: rope_grid_indexing "xy"
  float epsilon = 1e-6F;
  uint32_t pool_heads = 0;          // of an attention pool; 0: as the blocks
  bool positions_of_prefix = true;  // class and register tokens have learned positions where patches have
  bool norms_after = false;
};

bool is_known(const io::ModelConfig& config, std::span<const Settings> known);
// Sizes from the weights, the rest from the row of a known architecture and from model_args. Throws
// Error(model) for arguments that are not what Fovea computes, naming them.
VitShape shape_of(const Loading& from, std::span<const Settings> known);

}  // namespace fovea::eva
