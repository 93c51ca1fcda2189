// ViTs with rotary positions: RoPE-ViT (Heo et al. 2024), axial or with learned frequencies, and timm's with
// registers.
#include <array>

#include "models/arch/eva/eva_shape.h"
#include "models/model/family.h"

namespace fovea {
namespace {

// "ape": with learned absolute positions besides, of patches alone.
constexpr eva::Settings axial(std::string_view name, uint32_t heads, bool ape = false) {
  return {.name = name,
          .heads = heads,
          .pool = "token",
          .rope = eva::Rope::axial,
          .temperature = 100,
          .columns_first = true,
          .positions_of_prefix = !ape};
}
constexpr eva::Settings mixed(std::string_view name, uint32_t heads, bool ape = false) {
  eva::Settings s = axial(name, heads, ape);
  s.rope = eva::Rope::mixed;
  return s;
}
constexpr eva::Settings registers(std::string_view name, uint32_t heads) {
  return {.name = name, .heads = heads, .rope = eva::Rope::axial, .reference = 16};
}

constexpr std::array variants = {
    axial("vit_small_patch16_rope_224", 6),
    axial("vit_base_patch16_rope_224", 12),
    axial("vit_large_patch16_rope_224", 16),
    axial("vit_small_patch16_rope_ape_224", 6, true),
    axial("vit_base_patch16_rope_ape_224", 12, true),
    axial("vit_large_patch16_rope_ape_224", 16, true),
    mixed("vit_small_patch16_rope_mixed_224", 6),
    mixed("vit_base_patch16_rope_mixed_224", 12),
    mixed("vit_large_patch16_rope_mixed_224", 16),
    mixed("vit_small_patch16_rope_mixed_ape_224", 6, true),
    mixed("vit_base_patch16_rope_mixed_ape_224", 12, true),
    mixed("vit_large_patch16_rope_mixed_ape_224", 16, true),
    registers("vit_medium_patch16_rope_reg1_gap_256", 8),
    registers("vit_mediumd_patch16_rope_reg1_gap_256", 8),
    registers("vit_betwixt_patch16_rope_reg4_gap_256", 10),
    registers("vit_base_patch16_rope_reg1_gap_256", 12),
};

class RopeVit : public Vit {
 public:
  explicit RopeVit(const Loading& from) : Vit(from, eva::shape_of(from, variants)) {}
};

bool matches(const io::ModelConfig& config) {
  return eva::is_known(config, variants);
}

}  // namespace

Family rope_vit_family() {
  return family<RopeVit>("RoPE-ViT", "timm vit_*_rope_*", &matches);
}

}  // namespace fovea
