// TrOCR and ViT with GPT-2 against what transformers computed: a full pass, and a text written step by step.
#include "tests/models/changed.h"
#include "tests/models/golden.h"

namespace {

constexpr const char* names[] = {"trocr_small", "vit_gpt2"};

fovea::RawTensors inputs_of(const golden::Reference& reference) {
  fovea::RawTensors out;
  for (const char* name : {"input", "decoder_input_ids"})
    out[name] = golden::in_turn(reference.tensor(name), reference.shape(name)[0]);
  return out;
}

}  // namespace

TEST_CASE("Encoder-decoders equal the reference in fp32, passes and steps, whatever the batch") {
  for (const char* name : names)
    for (const uint32_t images : {1U, 2U, 3U}) golden::compare(name, fovea::Precision::fp32, {}, 2, images);
}

TEST_CASE("Encoder-decoders write the same ids with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : names) golden::compare(name, fovea::Precision::fp16, {2e-2, 1e-2}, 2);
}

TEST_CASE("Steps behind a cache equal the full pass over what they wrote") {
  for (const char* name : names) {
    CAPTURE(name);
    const auto model = fovea::Model::load(fovea::Device::open(), golden::folder(name));
    fovea::RawTensors inputs = inputs_of(golden::Reference(golden::folder(name)));
    constexpr uint32_t steps = 20;
    fovea::RunOptions options;
    options.generate = steps;
    const auto written = fovea::run(model, inputs, options);
    const auto& ids = written.at("generated").integers;
    auto& given = inputs["decoder_input_ids"];
    given = {{2, steps}, {}, {}};
    for (size_t row = 0; row < 2; ++row)
      given.integers.insert(given.integers.end(), ids.begin() + static_cast<ptrdiff_t>(row * (steps + 1)),
                            ids.begin() + static_cast<ptrdiff_t>((row + 1) * (steps + 1) - 1));
    const auto full = fovea::run(model, inputs).at("logits").values;
    const auto& step = written.at("step_logits").values;
    const size_t vocabulary = full.size() / (2 * steps);
    for (size_t row = 0; row < 2; ++row) {
      const auto length = static_cast<size_t>(written.at("generated_length").integers[row]);
      for (size_t i = row * steps * vocabulary; i < (row * steps + length - 1) * vocabulary; ++i)
        REQUIRE(std::abs(full[i] - step[i]) <= 1e-4);
    }
  }
}

TEST_CASE("A picture alone is encoded, and ids out of range and texts too long are refused") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("trocr_small"));
  fovea::RawTensors inputs = inputs_of(golden::Reference(golden::folder("trocr_small")));
  inputs["decoder_input_ids"].integers[3] = 321;
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs), doctest::Contains("holds 321, it must be 0…320"),
                       fovea::Error);
  inputs["decoder_input_ids"] = {{2, 41}, {}, std::vector<int64_t>(82, 5)};
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs),
                       doctest::Contains("41 tokens, the model has positions for 40"), fovea::Error);
  inputs.erase("decoder_input_ids");
  const auto got = fovea::run(model, inputs);
  CHECK(got.contains("encoder_last_hidden_state"));
  CHECK_FALSE(got.contains("logits"));
  fovea::RunOptions options;
  options.generate = 40;
  CHECK(fovea::run(model, inputs, options).at("generated").shape == std::vector<uint64_t>{2, 41});
  options.generate = 41;
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs, options), doctest::Contains("has positions for 40"),
                       fovea::Error);
  const auto other = fovea::Model::load(fovea::Device::open(), golden::folder("vit_hf"));
  const golden::Reference pictures(golden::folder("vit_hf"));
  options.generate = 1;
  CHECK_THROWS_WITH_AS(fovea::run(other, {{"input", golden::in_turn(pictures.tensor("input"), 1)}}, options),
                       doctest::Contains("writes nothing"), fovea::Error);
}

TEST_CASE("What a decoder's configuration says and no weight shows is read or refused") {
  const auto refused = [](const char* name, const char* part, const char* key, const nlohmann::json& value,
                          const char* text) {
    golden::check_refused(
        name, [&](auto& config) { config[part][key] = value; }, text);
  };
  refused("trocr_small", "decoder", "layernorm_embedding", false, "layernorm_embedding is false");
  refused("trocr_small", "decoder", "use_learned_position_embeddings", false,
          "use_learned_position_embeddings is false");
  refused("trocr_small", "decoder", "tie_word_embeddings", true, "another matrix than its embedding");
  refused("trocr_small", "decoder", "activation_function", "mish", "'mish' is unknown");
  refused("trocr_small", "decoder", "cross_attention_hidden_size", 32, "tokens of 40 channels");
  refused("trocr_small", "decoder", "decoder_attention_heads", 5, "do not split into 5 heads");
  refused("trocr_small", "decoder", "model_type", "bart", "its decoder a 'bart'");
  refused("trocr_small", "encoder", "model_type", "swin", "its encoder is a 'swin'");
  refused("vit_gpt2", "decoder", "n_inner", 96, "mlp.c_fc");
  golden::check_refused(
      "vit_gpt2", [](auto& config) { config.erase("decoder"); }, "no object `decoder`");
  golden::check_refused(
      "trocr_small", [](auto& config) { config["eos_token_id"] = 321; }, "eos_token_id");

  // What is read changes the answer.
  const auto logits = [](const std::filesystem::path& folder, const char* name) {
    const auto model = fovea::Model::load(fovea::Device::open(), folder);
    return fovea::run(model, inputs_of(golden::Reference(golden::folder(name)))).at("logits").values;
  };
  const auto changes = [&](const char* name, const char* part, const char* key, const nlohmann::json& value) {
    CAPTURE(key);
    const golden::Changed folder(name, [&](auto& config) { config[part][key] = value; });
    CHECK(golden::largest_difference(logits(folder.path(), name), logits(golden::folder(name), name)) > 1e-3);
  };
  changes("trocr_small", "decoder", "scale_embedding", false);
  changes("trocr_small", "decoder", "activation_function", "gelu");
  changes("trocr_small", "decoder", "decoder_attention_heads", 2);
  changes("trocr_small", "encoder", "num_attention_heads", 2);
  changes("vit_gpt2", "decoder", "scale_attn_weights", false);
  changes("vit_gpt2", "decoder", "scale_attn_by_inverse_layer_idx", true);
  changes("vit_gpt2", "decoder", "layer_norm_epsilon", 0.1);
}
