// RoPE-ViT against what timm computed, and what is refused because it is something else.
#include "tests/models/changed.h"

namespace {

const char* const folders[] = {"rope_vit_mini", "rope_vit_mini_mixed"};

using Json = nlohmann::json;

}  // namespace

TEST_CASE("RoPE-ViT equals the reference in fp32") {
  for (const char* name : folders)
    for (const uint32_t images : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("RoPE-ViT stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

TEST_CASE("What a RoPE-ViT is and no weight tells is known by name or refused") {
  golden::check_refused(
      "rope_vit_mini", [](Json& c) { c["architecture"] = "vit_huge_patch16_rope_224"; },
      "it turns queries and keys by their position");
  golden::check_refused(
      "rope_vit_mini", [](Json& c) { c["model_args"]["rope_type"] = "mixed"; }, "rope.freqs");
  golden::check_refused(
      "rope_vit_mini_mixed", [](Json& c) { c["model_args"]["rope_type"] = "cat"; }, "rope.freqs");
  golden::check_refused(
      "rope_vit_mini", [](Json& c) { c["model_args"]["num_heads"] = 8; }, "multiple of four");
}

TEST_CASE("Arguments change the rotary positions of a RoPE-ViT") {
  const golden::Reference reference(golden::folder("rope_vit_mini"));
  const auto device = fovea::Device::open();
  const auto logits = [&](const char* key, const Json& value) {
    const golden::Changed folder("rope_vit_mini", [&](Json& c) { c["model_args"][key] = value; });
    const auto model = fovea::Model::load(device, folder.path(), {fovea::Precision::fp32, 0, 0});
    return golden::answer(model, reference.values("input")).at("logits").values;
  };
  const auto expected = reference.values("logits");
  const double limit = 1e-4 * std::max(1.0, golden::largest(expected));
  CHECK(golden::largest_difference(logits("rope_temperature", 100.0), expected) <= limit);
  CHECK(golden::largest_difference(logits("rope_grid_indexing", "ij"), expected) > 2 * limit);
  CHECK(golden::largest_difference(logits("rope_temperature", 10.0), expected) > 2 * limit);
  CHECK(golden::largest_difference(logits("ref_feat_shape", 14), expected) > 2 * limit);
  CHECK(golden::largest_difference(logits("use_rot_pos_emb", false), expected) > 2 * limit);
}
