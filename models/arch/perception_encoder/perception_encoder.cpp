// Perception Encoder (Bolya et al. 2025): a ViT with rotary positions on top of learned ones. "core" answers
// with an embedding by attention pooling, "lang" and "spatial" are cut where their tokens are best and have
// no last norm.
#include <array>

#include "models/arch/eva/eva_shape.h"
#include "models/model/family.h"

namespace fovea {
namespace {

// Rows and columns count from 1 where there is a class token, at 0.
constexpr eva::Settings tokens(std::string_view name, uint32_t heads, bool class_token = true) {
  return {.name = name,
          .heads = heads,
          .rope = eva::Rope::axial,
          .offset = class_token ? 1.0 : 0.0,
          .reference = 32,
          .columns_first = true,
          .epsilon = 1e-5F};
}
constexpr eva::Settings core(std::string_view name, uint32_t heads, uint32_t reference,
                             bool class_token = true) {
  eva::Settings s = tokens(name, heads, class_token);
  s.reference = reference;
  s.pool = "map";
  s.pool_heads = 8;
  return s;
}

constexpr std::array variants = {
    core("vit_pe_core_tiny_patch16_384", 3, 24),
    core("vit_pe_core_small_patch16_384", 6, 24),
    core("vit_pe_core_base_patch16_224", 12, 14),
    core("vit_pe_core_large_patch14_336", 16, 24),
    core("vit_pe_core_gigantic_patch14_448", 16, 32, false),
    tokens("vit_pe_lang_large_patch14_448", 16),
    tokens("vit_pe_lang_gigantic_patch14_448", 16, false),
    tokens("vit_pe_spatial_tiny_patch16_512", 3),
    tokens("vit_pe_spatial_small_patch16_512", 6),
    tokens("vit_pe_spatial_base_patch16_512", 12),
    tokens("vit_pe_spatial_large_patch14_448", 16),
    tokens("vit_pe_spatial_gigantic_patch14_448", 16, false),
};

class PerceptionEncoder : public Vit {
 public:
  explicit PerceptionEncoder(const Loading& from) : Vit(from, eva::shape_of(from, variants)) {}
};

bool matches(const io::ModelConfig& config) {
  return eva::is_known(config, variants);
}

}  // namespace

Family perception_encoder_family() {
  return family<PerceptionEncoder>("Perception Encoder",
                                   "timm vit_pe_core_*, vit_pe_lang_*, vit_pe_spatial_*", &matches);
}

}  // namespace fovea
