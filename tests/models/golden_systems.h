// Golden folders of systems: what a reference holds besides inputs, a loss and its gradients too.
#pragma once

#include <array>
#include <string>

#include "tests/models/golden.h"

namespace golden {

// Every tensor of the reference, what is generated too, with gradients where `gradients`, from `batch` images
// at a time.
inline void compare_system(const std::string& name, fovea::Precision precision, double tolerance,
                           uint32_t batch, bool gradients) {
  CAPTURE(name);
  CAPTURE(batch);
  const Reference reference(folder(name));
  const auto model = fovea::Model::load(fovea::Device::open(), folder(name), {precision, 0, 0});
  fovea::RawTensors inputs;
  for (const auto& tensor : reference.file.tensors())
    if (fovea::find(fovea::inputs_of(model), tensor.name) != nullptr)
      inputs[tensor.name] = {
          tensor.shape,
          fovea::io::is_integer(tensor.dtype) ? std::vector<float>{} : fovea::io::to_float(tensor),
          fovea::io::to_integers(tensor)};
  fovea::RunOptions options;
  options.batch = batch;
  options.gradients = gradients;
  if (const auto* ids = reference.file.find("generated"))
    options.generate = static_cast<uint32_t>(ids->shape.at(1)) - 1;
  const auto got = fovea::run(model, inputs, options);
  size_t compared = 0;
  for (const auto& tensor : reference.file.tensors()) {
    const bool of_loss = tensor.name == "loss" || tensor.name.starts_with("grad.");
    if (inputs.contains(tensor.name) || (of_loss && !gradients)) continue;
    CAPTURE(tensor.name);
    REQUIRE(got.contains(tensor.name));
    CHECK(got.at(tensor.name).shape == tensor.shape);
    ++compared;
    if (fovea::io::is_integer(tensor.dtype)) {
      CHECK(got.at(tensor.name).integers == fovea::io::to_integers(tensor));
      continue;
    }
    const auto wanted = fovea::io::to_float(tensor);
    CHECK(largest_difference(got.at(tensor.name).values, wanted) <=
          tolerance * std::max(1.0, largest(wanted)));
  }
  CHECK(compared == got.size());  // and it gives nothing that the reference has not
}

// In fp32 with gradients, and without them in parts; then with fp16 storage.
inline void compare_systems(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    compare_system(name, fovea::Precision::fp32, 1e-4, 3, true);
    for (const uint32_t batch : {1U, 2U}) compare_system(name, fovea::Precision::fp32, 1e-4, batch, false);
    if (fovea::Device::open().info().fp16_storage)
      compare_system(name, fovea::Precision::fp16, 5e-2, 2, true);
  }
}

}  // namespace golden
