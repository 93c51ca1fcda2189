// EVA against what timm computed, and what is refused because it is something else.
#include "tests/models/changed.h"

namespace {

const char* const folders[] = {"eva02_mini", "eva02_mini_base"};

using Json = nlohmann::json;

}  // namespace

TEST_CASE("EVA equals the reference in fp32") {
  for (const char* name : folders)
    for (const uint32_t images : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("EVA stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

TEST_CASE("What an EVA model is and no weight tells is known by name or refused") {
  golden::check_refused(
      "eva02_mini", [](Json& c) { c["architecture"] = "eva02_odd_patch14_224"; },
      "Fovea does not know the name");
  golden::check_refused(
      "eva02_mini", [](Json& c) { c["model_args"]["no_embed_class"] = true; }, "positions");
}

TEST_CASE("EVA-02 has the maps of a ViT that reads the mean of its patches") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("eva02_mini"));
  CHECK(fovea::names_of(model.info().maps) ==
        "raw, rollout, mask, similarity, norms, evidence, gradsum, gae, cam");
}
