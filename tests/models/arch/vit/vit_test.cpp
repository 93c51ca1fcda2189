// The ViT family against what timm computed: logits, features and every attention matrix.
#include "models/tasks/forward.h"
#include "tests/models/golden.h"

TEST_CASE("ViT family equals the reference in fp32") {
  for (const char* name : golden::vit_folders) golden::compare(name, fovea::Precision::fp32, {}, 2);
}

TEST_CASE("transformers' ViT equals the reference in fp32") {
  for (const uint32_t images : {1U, 2U, 3U}) golden::compare("vit_hf", fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("A batch that does not divide the count gives the same numbers") {
  golden::compare("vit_mini", fovea::Precision::fp32, {}, 1);
  golden::compare("deit_mini_distilled", fovea::Precision::fp32, {}, 2, 3);
}

TEST_CASE("ViT family stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    CHECK_THROWS_WITH_AS(
        fovea::Model::load(fovea::Device::open(), golden::folder("vit_mini"), {fovea::Precision::fp16, 0, 0}),
        doctest::Contains("use fp32 storage"), fovea::Error);
    return;
  }
  for (const char* name : golden::vit_folders) golden::compare(name, fovea::Precision::fp16, {1e-2, 1e-2}, 2);
}

TEST_CASE("The model says what it is") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("dinov2_mini_reg4"));
  const auto& info = model.info();
  CHECK(info.architecture == "vit_small_patch14_reg4_dinov2");
  CHECK(info.height == 70);
  REQUIRE(info.attention.size() == 3);
  CHECK(info.attention[2].heads == 3);
  CHECK(info.attention[2].rows == 5);
  CHECK(info.attention[2].prefix_tokens == 5);
  CHECK(info.attention[2].has_cls);
  CHECK_FALSE(info.has_head);
  CHECK(info.classes == 48);
}

TEST_CASE("Another input size resamples the positions and changes the grid") {
  const auto model =
      fovea::Model::load(fovea::Device::open(), golden::folder("vit_mini"), {fovea::Precision::fp32, 96, 48});
  CHECK(model.info().attention[0].rows == 6);
  CHECK(model.info().attention[0].cols == 3);
  const auto out = golden::answer(model, std::vector<float>(size_t{3} * 96 * 48, 0.25F));
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, 19, 48});
  CHECK_THROWS_WITH_AS(
      fovea::Model::load(fovea::Device::open(), golden::folder("vit_mini"), {fovea::Precision::fp32, 90, 64}),
      doctest::Contains("whole patches of 16×16"), fovea::Error);
}

TEST_CASE("A run with attention kept gives the same logits as one without") {
  const auto device = fovea::Device::open();
  const auto model = fovea::Model::load(device, golden::folder("vit_mini"), {fovea::Precision::fp32, 0, 0});
  const golden::Reference reference(golden::folder("vit_mini"));
  const auto input = reference.values("input");
  std::vector<std::vector<float>> logits;
  uint32_t dispatches = 0;
  for (const bool attention : {false, true}) {
    fovea::Forward::Options options;
    options.batch = 2;
    options.host_input = true;
    options.attention = attention;
    options.outputs = {model.impl().output("logits").value()};
    fovea::Forward forward(model.impl(), options);
    forward.write(0, input);
    forward.program().run();
    logits.push_back(forward.floats(forward.output(0)));
    if (attention) CHECK(forward.program().dispatches() == dispatches);  // keeping costs no dispatch
    dispatches = forward.program().dispatches();
  }
  CHECK(logits[0] == logits[1]);
}
