#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "fovea/embedded.h"
#include "fovea/generate.h"
#include "tests/models/golden.h"

TEST_CASE("what is said of the embedded model is so") {
  const fovea::EmbeddedModel embedded = fovea::embedded_model();
  const auto model = fovea::Model::load(fovea::Device::open(), embedded.files);
  const fovea::ModelInfo& info = model.info();
  CHECK(info.classes == embedded.classes);
  CHECK(info.labels.size() == embedded.classes);
  CHECK(info.parameters == embedded.parameters);
  CHECK(embedded.files.weights.size() < 5'000'000);
  REQUIRE(!info.attention.empty());
  for (const fovea::AttentionLayer& layer : info.attention) {
    CHECK(layer.rows >= 16);
    CHECK(layer.cols >= 16);
  }
}

// Drawn scenes; the reference is what tools/train computes with PyTorch on the same fp16 weights.
TEST_CASE("the embedded model gives PyTorch's logits") {
  const golden::Reference reference(golden::folder("embedded"));
  const auto model = fovea::Model::load(fovea::Device::open(), fovea::embedded_model().files,
                                        {.precision = fovea::Precision::fp32});
  const auto logits = golden::answer(model, reference.values("input")).at("logits").values;
  const auto wanted = reference.values("logits");
  CHECK(golden::largest(wanted) > 3);
  CHECK(golden::largest_difference(logits, wanted) < 1e-4);
}

TEST_CASE("what is said of the embedded reader is so") {
  const fovea::EmbeddedModel embedded = fovea::embedded_reader();
  const auto model = fovea::Model::load(fovea::Device::open(), embedded.files);
  CHECK(fovea::task_of(model) == fovea::TextTask::read);
  CHECK(model.info().classes == embedded.classes);
  CHECK(model.info().parameters == embedded.parameters);
  CHECK(embedded.parameters <= 3'000'000);
  CHECK(embedded.files.weights.size() < 6'000'000);
  const fovea::Tokenizer tokenizer = fovea::load_tokenizer(embedded.files);
  for (const char* text : {"AZaz09", "$9.90", "(A-B)!"})
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
}

// Held-out words, drawn; the reference is what tools/train/reader computes with PyTorch on the same fp16
// weights.
TEST_CASE("the embedded reader gives PyTorch's outputs, and writes the same") {
  const golden::Reference reference(golden::folder("embedded_reader"));
  const auto model = fovea::Model::load(fovea::Device::open(), fovea::embedded_reader().files,
                                        {.precision = fovea::Precision::fp32});
  const uint64_t pictures = reference.shape("input").front();
  fovea::RunOptions options;
  options.generate = static_cast<uint32_t>(reference.shape("step_logits")[1]);
  const fovea::RawTensors run =
      fovea::run(model,
                 {{"input", golden::in_turn(reference.tensor("input"), pictures)},
                  {"decoder_input", golden::in_turn(reference.tensor("decoder_input"), pictures)}},
                 options);
  for (const char* name :
       {"features", "encoder_output", "logits", "weights", "step_logits", "step_weights"}) {
    CAPTURE(name);
    CHECK(golden::largest_difference(run.at(name).values, reference.values(name)) < 1e-4);
  }
  for (const char* name : {"generated", "generated_length"})
    CHECK(run.at(name).integers == fovea::io::to_integers(reference.tensor(name)));
}
