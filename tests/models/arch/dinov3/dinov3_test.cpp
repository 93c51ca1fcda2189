// DINOv3 against what timm and transformers computed, and what is refused because it is something else.
#include "tests/models/changed.h"

namespace {

const char* const folders[] = {"dinov3_mini", "dinov3_mini_plus", "dinov3_vit_hf", "dinov3_vit_hf_gated"};

using Json = nlohmann::json;

}  // namespace

TEST_CASE("DINOv3 equals the reference in fp32") {
  for (const char* name : folders)
    for (const uint32_t images : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("DINOv3 stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

TEST_CASE("What a DINOv3 model is and no weight tells is known by name or refused") {
  golden::check_refused(
      "dinov3_mini", [](Json& c) { c["architecture"] = "vit_odd_patch16_dinov3"; },
      "it turns queries and keys by their position");
  golden::check_refused(
      "dinov3_mini", [](Json& c) { c["model_args"]["rope_rotate_half"] = false; }, "rope_rotate_half");
  golden::check_refused(
      "dinov3_mini", [](Json& c) { c["model_args"]["norm_layer"] = "rmsnorm"; }, "norm_layer");
  golden::check_refused(
      "dinov3_mini_plus", [](Json& c) { c["model_args"]["global_pool"] = "max"; }, "pools by 'max'");
  golden::check_refused(
      "dinov3_vit_hf_gated", [](Json& c) { c["hidden_act"] = "gelu"; }, "gated MLPs");
}

TEST_CASE("DINOv3 tells its tokens and maps") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("dinov3_mini_plus"));
  const auto& info = model.info();
  REQUIRE(info.attention.size() == 2);
  CHECK(info.attention[1].rows == 4);
  CHECK(info.attention[1].prefix_tokens == 5);
  CHECK(info.attention[1].has_cls);
  CHECK(fovea::names_of(info.maps) ==
        "raw, rollout, mask, similarity, norms, evidence, gradcam, gradsum, gae");
}
