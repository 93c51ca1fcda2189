// EVA (Fang et al. 2022) and EVA-02 (Fang et al. 2023): ViTs without a bias of keys, EVA-02 with rotary
// positions, gated MLPs and, in its larger forms, norms inside MLP and attention.
#include <array>

#include "models/arch/eva/eva_shape.h"
#include "models/model/family.h"

namespace fovea {
namespace {

constexpr eva::Settings first(std::string_view name) {
  return {.name = name, .heads = 16};
}
constexpr eva::Settings second(std::string_view name, uint32_t heads) {
  return {.name = name, .heads = heads, .rope = eva::Rope::axial, .reference = 16};
}
constexpr eva::Settings tower(eva::Settings s) {  // of CLIP
  s.pool = "token";
  return s;
}
constexpr eva::Settings enormous(std::string_view name) {
  eva::Settings s = tower(first(name));
  s.norms_after = true;
  return s;
}

constexpr std::array variants = {
    first("eva_giant_patch14_224"),
    first("eva_giant_patch14_336"),
    first("eva_giant_patch14_560"),
    tower(first("eva_giant_patch14_clip_224")),
    second("eva02_tiny_patch14_224", 3),
    second("eva02_tiny_patch14_336", 3),
    second("eva02_small_patch14_224", 6),
    second("eva02_small_patch14_336", 6),
    second("eva02_base_patch14_224", 12),
    second("eva02_base_patch14_448", 12),
    second("eva02_large_patch14_224", 16),
    second("eva02_large_patch14_448", 16),
    tower(second("eva02_base_patch16_clip_224", 12)),
    tower(second("eva02_large_patch14_clip_224", 16)),
    tower(second("eva02_large_patch14_clip_336", 16)),
    enormous("eva02_enormous_patch14_clip_224"),
};

class Eva : public Vit {
 public:
  explicit Eva(const Loading& from) : Vit(from, eva::shape_of(from, variants)) {}
};

bool matches(const io::ModelConfig& config) {
  return eva::is_known(config, variants);
}

std::string difference(const io::ModelConfig& config) {
  if (!config.architecture.starts_with("eva_giant_") && !config.architecture.starts_with("eva02_")) return {};
  return matches(config) ? ""
                         : "no weight shows its heads and rotary positions, and Fovea does not know the name";
}

}  // namespace

Family eva_family() {
  Family eva = family<Eva>("EVA", "timm eva_giant_*, eva02_*", &matches);
  eva.difference = &difference;
  return eva;
}

}  // namespace fovea
