// Perception Encoder against what timm computed, and what is refused because it is something else.
#include "tests/models/changed.h"

namespace {

const char* const folders[] = {"pe_core_mini"};

using Json = nlohmann::json;

}  // namespace

TEST_CASE("Perception Encoder equals the reference in fp32") {
  for (const char* name : folders)
    for (const uint32_t images : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("Perception Encoder stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

TEST_CASE("What a Perception Encoder is and no weight tells is known by name or refused") {
  golden::check_refused(
      "pe_core_mini", [](Json& c) { c["architecture"] = "vit_pe_core_odd_patch16_384"; },
      "it turns queries and keys by their position");
  golden::check_refused(
      "pe_core_mini", [](Json& c) { c["model_args"]["global_pool"] = "avg"; }, "attn_pool");
  golden::check_refused(
      "pe_core_mini", [](Json& c) { c["model_args"]["attn_pool_num_heads"] = 7; }, "7 heads");
}

TEST_CASE("The last raw map of a Perception Encoder is what its pool looked at") {
  const golden::Reference reference(golden::folder("pe_core_mini"));
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("pe_core_mini"),
                                        {fovea::Precision::fp32, 0, 0});
  const auto& info = model.info();
  CHECK(fovea::names_of(info.maps) == "raw, rollout, mask, similarity, norms");
  REQUIRE(info.attention.size() == 4);
  const auto& pool = info.attention[3];
  CHECK(pool.kind == fovea::AttentionKind::attention_pool);
  CHECK(pool.tensor == "pool_attn.0");
  CHECK(pool.name == "attn_pool");
  CHECK(pool.heads == 8);
  CHECK(pool.rows == 5);

  fovea::SessionOptions options;
  options.batch = 2;
  options.attention = true;
  fovea::Session session(model, options);
  session.logits(reference.values("input"), 2);
  const auto rows = reference.values("pool_attn.0");  // [2, 8, 1, 26]
  for (const uint32_t slot : {0U, 1U}) {
    std::vector<float> expected(25);
    for (size_t head = 0; head < 8; ++head)
      for (size_t i = 0; i < 25; ++i) expected[i] += rows[(slot * 8 + head) * 26 + 1 + i] / 8;
    CHECK(golden::largest_difference(session.map({}, slot).values, expected) <= 1e-6);
  }
  fovea::MapRequest request;
  request.query = fovea::PatchIndex{1, 1};
  request.layer = static_cast<int>(model.info().attention.size()) - 1;
  CHECK_THROWS_WITH_AS(session.map(request, 0), doctest::Contains("no queries to start from"), fovea::Error);
}
