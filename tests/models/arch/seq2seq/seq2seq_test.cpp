#include "tests/models/golden_systems.h"

TEST_CASE("Sequence to sequence equals its references, forward and backward") {
  golden::compare_systems({"seq2seq_additive", "seq2seq_lstm"});
}

TEST_CASE("Without decoder_input the encoder alone answers, and ids beyond the vocabulary are refused") {
  const golden::Reference reference(golden::folder("seq2seq_additive"));
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("seq2seq_additive"), {});
  fovea::RawTensors inputs;
  inputs["input"] = {reference.shape("input"), reference.values("input"), {}};
  const auto got = fovea::run(model, inputs);
  CHECK(got.contains("encoder_output"));
  CHECK_FALSE(got.contains("logits"));
  fovea::RunOptions logits;
  logits.outputs = {"logits"};
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs, logits),
                       doctest::Contains("`logits` needs the input decoder_input"), fovea::Error);
  inputs["decoder_input"] = {{3, 2}, {}, {1, 2, 3, 14, 0, 0}};
  CHECK_THROWS_WITH_AS(fovea::run(model, inputs),
                       doctest::Contains("`decoder_input` holds 14, it must be 0…13"), fovea::Error);
}
