// DINOv2 in transformers' naming, with registers and without, against what transformers computed.
#include "tests/models/golden.h"

namespace {

const char* const folders[] = {"dinov2_hf", "dinov2_hf_interp", "dinov2_reg_hf", "dinov2_reg_hf_cls"};

}  // namespace

TEST_CASE("DINOv2 equals the reference in fp32") {
  for (const char* name : folders)
    for (const uint32_t images : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("DINOv2 stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

TEST_CASE("DINOv2's classifier reads the class token and the mean of the patches, and evidence knows both") {
  const golden::Reference reference(golden::folder("dinov2_reg_hf_cls"));
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("dinov2_reg_hf_cls"),
                                        {fovea::Precision::fp32, 70, 70});
  const auto& info = model.info();
  CHECK(info.classes == 10);
  REQUIRE(info.attention.size() == 3);
  CHECK(info.attention[0].name == "blocks.0.attn");
  CHECK(info.attention[0].heads == 4);
  CHECK(info.attention[0].prefix_tokens == 5);
  CHECK(fovea::names_of(info.maps) ==
        "raw, rollout, mask, similarity, norms, evidence, gradcam, gradsum, gae");

  fovea::SessionOptions options;
  options.batch = 2;
  options.attention = true;
  fovea::Session session(model, options);
  const auto logits = session.logits(reference.values("input"), 2);
  for (const uint32_t slot : {0U, 1U})
    for (uint32_t c = 0; c < info.classes; ++c)
      CHECK(std::abs(session.evidence(c, slot).total() - double{logits[slot * info.classes + c]}) <= 1e-4);
}
