// Which architectures load: only those of which everything is known that no weight shows.
#include <fmt/format.h>

#include <doctest/doctest.h>
#include <filesystem>
#include <string>

#include "fovea/model.h"
#include "models/registry/registry.h"

namespace {

fovea::ModelSummary summary(const std::string& architecture, const std::string& args = "{}") {
  const std::string config = fmt::format(R"({{"architecture": "{}", "model_args": {}}})", architecture, args);
  return fovea::summarize(fovea::ModelBytes{"claims", config, {}, {}});
}

std::string refusal(const std::string& architecture) {
  const fovea::ModelSummary said = summary(architecture);
  CHECK(said.family.empty() != said.refusal.empty());
  return said.refusal;
}

}  // namespace

TEST_CASE("Architectures of the same weights and other mathematics are refused with what differs") {
  for (const auto& [architecture, what] : {std::pair{"vit_base_patch16_xp_224", "side by side"},
                                           {"vit_small_patch16_18x2_224", "side by side"},
                                           {"vit_dwee_patch16_reg1_gap_256", "difference of two"},
                                           {"vit_relpos_base_patch16_224", "relative positions"},
                                           {"vit_tiny_r_s16_p8_224", "convolutions"},
                                           {"vit_unheard_of_patch16_224", "does not know the name"}}) {
    const std::string name = architecture;  // CAPTURE's lambda takes no structured binding
    CAPTURE(name);
    CHECK(refusal(name).find(what) != std::string::npos);
    CHECK(refusal(name).find(fmt::format("'{}'", name)) != std::string::npos);
  }
  for (const char* name :
       {"swin_enormous_patch4_window7_224", "maxvit_tiny_pm_256", "resnet50_gn", "pvt_v2_b6"})
    CHECK(refusal(name) == fmt::format("describes a '{}', which Fovea does not have", name));
}

TEST_CASE("Names load with and without what says how they were trained") {
  for (const char* name :
       {"vit_base_patch16_gap_224", "vit_base_patch16_224.augreg_in21k", "vit_base_patch16_224_in21k",
        "vit_base_patch16_224_miil_in21k", "vit_small_patch8_224_dino", "deit3_huge_patch14_224_in21ft1k",
        "vit_gigantic_patch14_clip_quickgelu_224", "vit_so400m_patch14_siglip_gap_896"})
    CHECK(summary(name).family == "ViT");
  CHECK(summary("swin_base_patch4_window7_224_in22k").family == "Swin");
  CHECK(summary("mobilevitv2_150_384_in22ft1k").family == "MobileViTv2");
  for (const char* name :
       {"resnet18", "cbam_resnet50", "legacy_senet154", "wide_resnet101_2", "seresnext26t_32x4d"})
    CHECK(summary(name).family == "ResNet");
}

TEST_CASE("A name is read to its end") {
  CHECK(summary("vit_tiny_patch16_224x").family.empty());
  CHECK(summary("xvit_tiny_patch16_224").family.empty());
  CHECK(summary("").family.empty());
}

TEST_CASE("No two families claim one configuration") {
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(FOVEA_SOURCE_DIR) + "/tests/golden")) {
    if (!exists(entry.path() / "config.json")) continue;
    const fovea::io::ModelConfig config = fovea::io::read_config(entry.path());
    size_t claims = 0;
    for (const fovea::Family& family : fovea::families()) claims += family.matches(config) ? 1 : 0;
    CAPTURE(entry.path().string());
    CHECK(claims == 1);
  }
}
