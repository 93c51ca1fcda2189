#include "tests/models/changed.h"
#include "tests/models/golden_systems.h"

TEST_CASE("LSTM and GRU equal their references, forward and backward") {
  golden::compare_systems({"lstm", "gru", "lstm_2l_bi", "gru_2l_bi"});
}

TEST_CASE("Recurrent layers begin with zeros and take all steps where nothing else is said") {
  const golden::Reference reference(golden::folder("gru"));
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("gru"), {});
  fovea::RawTensors inputs, explicit_inputs;
  const auto shape = reference.shape("input");
  inputs["input"] = {shape, reference.values("input"), {}};
  explicit_inputs = inputs;
  const auto states = reference.shape("h_0");
  explicit_inputs["h_0"] = {states, std::vector<float>(states[0] * states[1] * states[2]), {}};
  explicit_inputs["lengths"] = {
      {shape[0]}, {}, std::vector<int64_t>(shape[0], static_cast<int64_t>(shape[1]))};
  const auto silent = fovea::run(model, inputs), said = fovea::run(model, explicit_inputs);
  for (const auto& output : said) {
    CAPTURE(output.first);
    CHECK(golden::largest_difference(silent.at(output.first).values, output.second.values) <= 1e-6);
  }
}

TEST_CASE("Inputs of recurrent layers that do not fit are refused") {
  const golden::Reference reference(golden::folder("lstm"));
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("lstm"), {});
  const auto shape = reference.shape("input");
  const fovea::RawTensor input{shape, reference.values("input"), {}};
  fovea::RunOptions gradients;
  gradients.gradients = true;
  const auto refused = [&](const fovea::RawTensors& inputs, const char* words,
                           const fovea::RunOptions& options = {}) {
    CHECK_THROWS_WITH_AS(fovea::run(model, inputs, options), doctest::Contains(words), fovea::Error);
  };
  refused({{"input", input}, {"lengths", {{shape[0]}, {}, std::vector<int64_t>(shape[0], 8)}}},
          "`lengths` holds 8, it must be 0…7");
  refused({{"input", input}, {"h_0", {{1, 3, 16}, std::vector<float>(48), {}}}}, "h_0 and c_0");
  refused({{"input", input}, {"h_0", {{3, 1, 16}, std::vector<float>(48), {}}}},
          "takes input f32 [B, steps, 12]");
  refused({{"input", input}}, "`loss` needs the input coef", gradients);
  CHECK_THROWS_WITH_AS(fovea::Session(model, {}), doctest::Contains("takes no pictures"), fovea::Error);
}
