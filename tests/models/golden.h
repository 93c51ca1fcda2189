// Golden folders: a model's files and what the reference implementation computed with them; and comparison
// with it.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "models/weights/safetensors.h"

namespace golden {

inline const char* const vit_folders[] = {
    "vit_mini",      "deit_mini_distilled", "dinov2_mini_reg4",  "dinov2_mini_swiglu",
    "clip_mini",     "siglip_mini",         "vit_mini_reg1_gap", "vit_mini_reg4_map",
    "vit_mini_rect", "early_conv_vit_mini", "deit3_mini"};

inline std::filesystem::path folder(const std::string& name) {
  return std::filesystem::path(FOVEA_SOURCE_DIR) / "tests" / "golden" / name;
}

struct Reference {
  explicit Reference(const std::filesystem::path& folder)
      : file(fovea::io::Safetensors::open(folder / "reference.safetensors")) {}
  std::vector<float> values(const std::string& name) const { return fovea::io::to_float(tensor(name)); }
  std::vector<uint64_t> shape(const std::string& name) const { return tensor(name).shape; }
  const fovea::io::TensorEntry& tensor(const std::string& name) const {
    const auto* found = file.find(name);
    REQUIRE_MESSAGE(found != nullptr, name);
    return *found;
  }
  fovea::io::Safetensors file;
};

inline double largest(const std::vector<float>& v) {
  double m = 0;
  for (const float x : v) m = std::max(m, std::abs(double{x}));
  return m;
}

// Infinite for different sizes or values that are not numbers, so that a comparison with it fails.
inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  double m = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(double{a[i]} - double{b[i]});
    if (!(d <= m)) m = std::isnan(d) ? INFINITY : d;
  }
  return m;
}

inline std::vector<uint32_t> all_layers(const fovea::Model& model) {
  std::vector<uint32_t> layers(model.info().attention.size());
  for (uint32_t i = 0; i < layers.size(); ++i) layers[i] = i;
  return layers;
}

// A tensor's first `images` images, over and over where it has fewer.
inline fovea::RawTensor in_turn(const fovea::io::TensorEntry& tensor, uint64_t images) {
  fovea::RawTensor out;
  out.shape = tensor.shape;
  const uint64_t have = out.shape.at(0);
  out.shape[0] = images;
  const auto repeat = [&](const auto& all, auto& to) {
    const size_t each = all.size() / have;
    for (uint64_t i = 0; i < images; ++i)
      to.insert(to.end(), all.begin() + static_cast<std::ptrdiff_t>(i % have * each),
                all.begin() + static_cast<std::ptrdiff_t>((i % have + 1) * each));
  };
  if (fovea::io::is_integer(tensor.dtype))
    repeat(fovea::io::to_integers(tensor), out.integers);
  else
    repeat(fovea::io::to_float(tensor), out.values);
  return out;
}

// What a model answers to pixels [any, 3, height, width], `batch` at a time.
inline fovea::RawTensors answer(const fovea::Model& model, std::vector<float> pixels,
                                std::vector<uint32_t> layers = {}, uint32_t batch = 1) {
  const auto& info = model.info();
  const uint64_t count = pixels.size() / (uint64_t{3} * info.height * info.width);
  return fovea::run(model, {{"input", {{count, 3, info.height, info.width}, std::move(pixels), {}}}},
                    {.batch = batch, .outputs = {}, .attention_layers = std::move(layers)});
}

struct Tolerance {
  double outputs = 1e-4;    // of the largest value, at least 1
  double attention = 1e-4;  // absolute
};

inline bool is_attention(const std::string& name) {
  return name.find('.') != std::string::npos;
}

// Every tensor of the reference that is none of the inputs, against what was computed under its name. images:
// of the computation, as in_turn() has them, `of` those of the reference. Returns how many were compared.
inline size_t check_equal(const Reference& reference, const fovea::RawTensors& inputs,
                          const fovea::RawTensors& got, const Tolerance& tolerance, uint64_t images,
                          uint64_t of) {
  size_t compared = 0;
  for (const auto& tensor : reference.file.tensors()) {
    if (inputs.contains(tensor.name)) continue;
    CAPTURE(tensor.name);
    const auto wanted = in_turn(tensor, tensor.shape.at(0) * images / of);
    REQUIRE(got.contains(tensor.name));
    CHECK(got.at(tensor.name).shape == wanted.shape);
    CHECK(got.at(tensor.name).integers == wanted.integers);
    const double limit = is_attention(tensor.name)
                             ? tolerance.attention
                             : tolerance.outputs * std::max(1.0, largest(wanted.values));
    if (wanted.integers.empty())
      CHECK(largest_difference(got.at(tensor.name).values, wanted.values) <= limit);
    ++compared;
  }
  return compared;
}

inline size_t check_equal(const Reference& reference, const fovea::RawTensors& inputs,
                          const fovea::RawTensors& got, const Tolerance& tolerance) {
  const auto& [name, tensor] = *inputs.begin();
  return check_equal(reference, inputs, got, tolerance, tensor.shape[0], reference.shape(name)[0]);
}

// With as many tokens written, behind the start token and behind the reference's prompts, as it holds. What
// the reference does not hold of the steps is left out.
inline fovea::RawTensors run_written(const fovea::Model& model, const Reference& reference,
                                     const fovea::RawTensors& inputs, fovea::RunOptions options) {
  const auto written = [&](const char* name, uint64_t given) {
    return reference.file.find(name) == nullptr ? 0U
                                                : static_cast<uint32_t>(reference.shape(name)[1] - given);
  };
  fovea::RawTensors unprompted = inputs;
  unprompted.erase("prompt_ids");
  options.generate = written("generated", 1);
  auto got = fovea::run(model, unprompted, options);
  if (inputs.contains("prompt_ids")) {
    options.generate = written("prompt_generated", reference.shape("prompt_ids")[1]);
    for (auto& [name, tensor] : fovea::run(model, inputs, options))
      if (name.starts_with("prompt_")) got[name] = std::move(tensor);
  }
  std::erase_if(got, [&](const auto& entry) {
    return entry.first.find("step_cross_attn.") != std::string::npos &&
           reference.file.find(entry.first) == nullptr;
  });
  return got;
}

// A golden folder from its inputs to all that its reference holds. images: 0 takes those of the reference.
inline void compare_folder(const std::filesystem::path& folder, fovea::Precision precision,
                           const Tolerance& tolerance, uint32_t batch, uint32_t images = 0) {
  CAPTURE(folder);
  CAPTURE(batch);
  CAPTURE(images);
  const Reference reference(folder);
  // At the size of its pictures, which may be another than the configuration's.
  fovea::ModelOptions options{precision, 0, 0};
  if (const auto* pixels = reference.file.find("input"); pixels != nullptr && pixels->shape.size() == 4) {
    options.height = static_cast<uint32_t>(pixels->shape[2]);
    options.width = static_cast<uint32_t>(pixels->shape[3]);
  }
  const auto model = fovea::Model::load(fovea::Device::open(), folder, options);
  const auto declared = fovea::inputs_of(model);
  fovea::RawTensors inputs;
  uint64_t have = 0;  // images of the reference
  for (const auto& tensor : reference.file.tensors())
    if (const auto* info = fovea::find(declared, tensor.name); info != nullptr && !info->shared)
      have = tensor.shape.at(0);
  if (images == 0) images = static_cast<uint32_t>(have);
  for (const auto& tensor : reference.file.tensors())
    if (const auto* info = fovea::find(declared, tensor.name); info != nullptr)
      inputs[tensor.name] = in_turn(tensor, info->shared ? tensor.shape.at(0) : images);
  auto layers = all_layers(model);
  // References of timm's SigLIP keep nothing of its pool's attention, BLIP's nothing of what text sees.
  std::erase_if(layers, [&](uint32_t i) {
    const auto& layer = model.info().attention[i];
    return (layer.kind == fovea::AttentionKind::attention_pool ||
            layer.kind == fovea::AttentionKind::cross_attention) &&
           reference.file.find(layer.tensor) == nullptr;
  });
  const fovea::RunOptions run{.batch = batch, .outputs = {}, .attention_layers = layers};
  const auto got = run_written(model, reference, inputs, run);
  CHECK(check_equal(reference, inputs, got, tolerance, images, have) > layers.size());
  // Whatever the model gives, the reference has under one of its names.
  const auto outputs = fovea::outputs_of(model);
  for (const auto& [name, tensor] : got) {
    const std::string& given = name;  // CAPTURE's lambda takes no structured binding
    CAPTURE(given);
    const auto* output = fovea::find(outputs, given);
    const bool has = reference.file.find(given) != nullptr ||
                     (output != nullptr && (reference.file.find(output->name) != nullptr ||
                                            reference.file.find(output->alias) != nullptr));
    CHECK(has);
  }
}

inline void compare(const std::string& name, fovea::Precision precision, const Tolerance& tolerance,
                    uint32_t batch, uint32_t images = 0) {
  compare_folder(folder(name), precision, tolerance, batch, images);
}

}  // namespace golden
