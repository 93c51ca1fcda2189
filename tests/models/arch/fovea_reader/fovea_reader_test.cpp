#include <nlohmann/json.hpp>

#include "tests/models/changed.h"
#include "tests/models/golden_systems.h"

namespace {

constexpr const char* name = "fovea_reader_mini";

fovea::RawTensors inputs_of(const golden::Reference& reference) {
  return {{"input", golden::in_turn(reference.tensor("input"), 2)},
          {"decoder_input", golden::in_turn(reference.tensor("decoder_input"), 2)}};
}

std::vector<float> logits(const std::filesystem::path& folder) {
  const auto model = fovea::Model::load(fovea::Device::open(), folder, {fovea::Precision::fp32, 0, 0});
  return fovea::run(model, inputs_of(golden::Reference(golden::folder(name)))).at("logits").values;
}

}  // namespace

TEST_CASE("A reader equals its reference, what it writes too") {
  for (const uint32_t batch : {1U, 2U})
    golden::compare_system(name, fovea::Precision::fp32, 1e-4, batch, false);
  golden::compare(name, fovea::Precision::fp32, {}, 3, 5);
  // The same ids; values within what halves hold of sums of a few dozen terms.
  if (fovea::Device::open().info().fp16_storage)
    golden::compare_system(name, fovea::Precision::fp16, 1e-2, 2, false);
}

TEST_CASE("A reader's picture goes by both names, and its steps say which cells they looked at") {
  const golden::Reference reference(golden::folder(name));
  const auto model =
      fovea::Model::load(fovea::Device::open(), golden::folder(name), {fovea::Precision::fp32, 0, 0});
  CHECK(model.info().takes_pictures);
  CHECK(fovea::task_of(model) == fovea::TextTask::read);
  const fovea::Preprocessing pictures = fovea::preprocessing_of(model);
  CHECK(pictures.crop_mode == "border");
  CHECK(pictures.interpolation == "bicubic");
  CHECK(pictures.height == 22);
  CHECK(pictures.width == 54);
  CHECK(pictures.mean == std::array<float, 3>{0.5F, 0.5F, 0.5F});
  fovea::RunOptions options;
  options.generate = 4;
  const fovea::RawTensors written =
      fovea::run(model, {{"pixel_values", golden::in_turn(reference.tensor("input"), 2)}}, options);
  CHECK_FALSE(written.contains("logits"));
  CHECK(written.at("generated").shape == std::vector<uint64_t>{2, 5});
  CHECK(written.at("step_weights").shape == std::vector<uint64_t>{2, 4, 6 * 14});
  options.generate = 10;
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs_of(reference), options),
                       doctest::Contains("fovea_reader writes 9 ids at most"), fovea::Error);
  options.generate = 0;
  options.gradients = true;
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs_of(reference), options), doctest::Contains("has no loss"),
                       fovea::Error);
}

TEST_CASE("What a reader's configuration says and no weight shows is read or refused") {
  const auto refused = [](const char* key, const nlohmann::json& value, const char* text) {
    CAPTURE(key);
    golden::check_refused(
        name, [&](auto& config) { config[key] = value; }, text);
  };
  for (const char* key :
       {"input_height", "input_width", "strides", "column_size", "encoder_hidden", "decoder_hidden",
        "embedding_size", "attention_size", "vocab_size", "max_steps", "characters", "mean", "std"}) {
    CAPTURE(key);
    golden::check_refused(
        name, [&](auto& config) { config.erase(key); }, key);
  }
  refused("strides", 2, "strides must be a list");
  refused("strides", nlohmann::json::array(), "strides must be a list");
  refused("strides", {2, 1, 2}, "stem.3");
  refused("strides", {2, 1, 2, 1, 1}, "stem.4");
  refused("strides", {2, 1, 2, 0}, "strides is 0");
  refused("strides", {2, 1, 2, "1"}, "strides is");
  refused("strides", {2, 1, 1, 1}, "columns.weight");
  refused("input_height", 44, "columns.weight");
  refused("input_height", 0, "input_height is 0");
  refused("input_width", 1000000, "input_width is 1000000");
  refused("column_size", 15, "columns.weight");
  refused("encoder_hidden", 7, "encoder.rnn");
  refused("encoder_hidden", -1, "encoder_hidden is -1");
  refused("vocab_size", 3, "vocab_size is 3");
  refused("vocab_size", 15, "characters has 11, a vocab_size of 15 leaves 12");
  refused("characters", "0aA1bB2€'.", "characters has 10");
  refused("characters", "0aA1bB2€'.€", "characters has \"€\" twice");
  refused("characters", 7, "characters is 7");
  refused("pad_id", 2, "must differ");
  refused("start_id", 3, "start_id is 3");
  refused("max_steps", 0, "max_steps is 0");
  refused("std", {0.5, 0, 0.5}, "std is");
  refused("mean", {0.5, 2, 0.5}, "mean is");
  refused("mean", 0.5, "mean is");
  refused("dropout", 0.1, "model_args has dropout");

  // What is read changes the answer.
  const golden::Changed strides(name, [](auto& config) { config["strides"] = {1, 2, 2, 1}; });
  CHECK(golden::largest_difference(logits(strides.path()), logits(golden::folder(name))) > 1e-3);
  const golden::Changed ids(name, [](auto& config) {
    config["start_id"] = 2;
    config["end_id"] = 1;
  });
  const auto model = fovea::Model::load(fovea::Device::open(), ids.path());
  fovea::RunOptions options;
  options.generate = 1;
  const auto got = fovea::run(model, inputs_of(golden::Reference(golden::folder(name))), options);
  CHECK(got.at("generated").integers.front() == 2);
  const golden::Changed wide(name, [](auto& config) { config["input_width"] = 86; });
  CHECK(fovea::Model::load(fovea::Device::open(), wide.path()).info().width == 86);
}
