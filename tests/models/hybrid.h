// A model against golden numbers: logits, features, and every softmax and gate under its name.
#pragma once

#include "tests/models/golden.h"

namespace golden {

struct Tolerance {
  double logits = 1e-4, features = 1e-4;  // of the largest value, at least 1
  double attention = 1e-4;                // absolute
};

inline std::vector<uint32_t> all_layers(const fovea::Model& model) {
  std::vector<uint32_t> layers(model.info().attention.size());
  for (uint32_t i = 0; i < layers.size(); ++i) layers[i] = i;
  return layers;
}

inline void compare(const std::string& name, fovea::Precision precision, const Tolerance& tolerance,
                    uint32_t batch) {
  CAPTURE(name);
  CAPTURE(batch);
  const Reference reference(folder(name));
  const auto model = fovea::Model::load(fovea::Device::open(), folder(name), {precision, 0, 0});
  fovea::SessionOptions options;
  options.batch = batch;
  fovea::Session session(model, options);
  const auto count = static_cast<uint32_t>(reference.shape("input")[0]);
  const auto out = session.run(reference.values("input"), count, all_layers(model));

  size_t compared = 0;
  for (const auto& tensor : reference.file.tensors()) {
    if (tensor.name == "input") continue;
    CAPTURE(tensor.name);
    REQUIRE(out.contains(tensor.name));
    CHECK(out.at(tensor.name).shape == tensor.shape);
    const auto expected = reference.values(tensor.name);
    const double scale = std::max(1.0, largest(expected));
    const double limit = tensor.name == "logits"     ? tolerance.logits * scale
                         : tensor.name == "features" ? tolerance.features * scale
                                                     : tolerance.attention;
    CHECK(largest_difference(out.at(tensor.name).values, expected) <= limit);
    ++compared;
  }
  CHECK(compared == out.size());
}

}  // namespace golden
