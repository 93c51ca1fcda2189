#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "fovea/embedded.h"
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
