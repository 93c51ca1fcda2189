// BLIP against what transformers computed: a description with and without a prompt.
#include "tests/models/changed.h"
#include "tests/models/golden.h"

TEST_CASE("BLIP equals the reference in fp32, passes and steps, whatever the batch") {
  for (const uint32_t images : {1U, 2U, 3U})
    golden::compare("blip_caption", fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("BLIP writes the same ids with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  golden::compare("blip_caption", fovea::Precision::fp16, {2e-2, 1e-2}, 2);
}

TEST_CASE("What BLIP's configuration says and there is nothing for is refused") {
  golden::check_refused(
      "blip_caption", [](auto& config) { config["architectures"] = {"BlipModel"}; },
      "neither describes pictures");
  golden::check_refused(
      "blip_caption", [](auto& config) { config["text_config"]["position_embedding_type"] = "relative_key"; },
      "position_embedding_type is 'relative_key'");
  golden::check_refused(
      "blip_caption", [](auto& config) { config["text_config"]["encoder_hidden_size"] = 40; },
      "encoder_hidden_size of text_config is 40");
  golden::check_refused(
      "blip_caption", [](auto& config) { config.erase("text_config"); }, "no object `text_config`");
}
