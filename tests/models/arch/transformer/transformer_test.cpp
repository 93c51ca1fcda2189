// The transformer of vectors against what torch computed.
#include "tests/models/changed.h"
#include "tests/models/golden.h"

TEST_CASE("A transformer equals the reference in fp32") {
  for (const uint32_t images : {1U, 2U, 3U})
    golden::compare("transformer_pre_relu", fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("A transformer without masks sees every token, and with a causal mask none that come later") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("transformer_pre_relu"));
  const golden::Reference reference(golden::folder("transformer_pre_relu"));
  fovea::RawTensors inputs;
  for (const char* name : {"src", "tgt", "causal_mask"})
    inputs[name] = golden::in_turn(reference.tensor(name), reference.shape(name)[0]);
  const auto layers = golden::all_layers(model);
  const auto attention = [&](const char* tensor) {
    return fovea::run(model, inputs, {.batch = 8, .outputs = {}, .attention_layers = layers})[tensor].values;
  };
  const auto causal = attention("decoder_attn.1");
  for (size_t i = 0; i < causal.size(); ++i) CHECK((i % 6 > i / 6 % 6 ? causal[i] == 0 : causal[i] > 0));
  inputs.erase("causal_mask");
  for (const float value : attention("decoder_attn.1")) CHECK(value > 0);
  for (const float value : attention("cross_attn.0")) CHECK(value > 0);
}

TEST_CASE("A mask that is not causal, and settings that there is nothing for, are refused") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("transformer_pre_relu"));
  const golden::Reference reference(golden::folder("transformer_pre_relu"));
  fovea::RawTensors inputs;
  for (const char* name : {"src", "tgt", "causal_mask"})
    inputs[name] = golden::in_turn(reference.tensor(name), reference.shape(name)[0]);
  inputs["causal_mask"].integers[1] = 0;
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs),
                       doctest::Contains("`causal_mask` holds 0 at 0, 1: it must be 1 above the diagonal"),
                       fovea::Error);
  inputs["causal_mask"] = {{2, 2}, {}, {0, 1, 0, 0}};  // of other tokens than the others
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs), doctest::Contains("`tgt` is [3, 6, 32]"), fovea::Error);
  inputs["causal_mask"] = {{4}, {}, {0, 1, 0, 0}};
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs), doctest::Contains("`causal_mask` is [4]"), fovea::Error);

  const auto refused = [](const char* key, const nlohmann::json& value, const char* part) {
    golden::check_refused(
        "transformer_pre_relu", [&](auto& config) { config[key] = value; }, part);
  };
  refused("batch_first", false, "batch_first is not true");
  refused("final_norms", false, "final_norms is false");
  refused("activation", "tanhshrink", "activation 'tanhshrink' is unknown");
  refused("nhead", 5, "32 channels, which do not split into 5 heads");
  refused("num_layers", 3, "encoder.layers.2");
}
