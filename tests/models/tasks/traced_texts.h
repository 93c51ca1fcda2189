// Texts as tests/reference/text_relevance.py has them: written once, and traced back from each token.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/tasks/generate.h"
#include "models/tasks/retrace.h"
#include "tests/models/golden.h"

namespace traced_texts {

struct Texts {
  Texts(const std::string& name, fovea::Precision precision)
      : model(fovea::Model::load(fovea::Device::open(), golden::folder(name), {precision, 0, 0})),
        inputs(golden::folder(name)),
        wanted(fovea::io::Safetensors::open(FOVEA_SOURCE_DIR "/tests/models/tasks/relevance/" + name +
                                            ".safetensors")),
        ids(fovea::io::to_integers(tensor("ids"))) {
    const fovea::LoadedModel& loaded = model.impl();
    fovea::Generation::Options options;
    options.most = static_cast<uint32_t>(ids.size()) + 3;  // tokens behind the last one count for nothing
    options.inputs.resize(loaded.inputs().size());
    size_t question = 0, pixels = 0;
    std::vector<uint32_t> words;
    for (size_t i = 0; i < loaded.inputs().size(); ++i) {
      if (loaded.writer()->reads(i) != fovea::Writer::Reads::always) continue;
      const bool picture = loaded.inputs()[i].type == fovea::DType::f32;
      (picture ? pixels : question) = i;
      if (picture) {
        options.inputs[i] = loaded.inputs()[i].shape;
        continue;
      }
      const auto& entry = inputs.tensor("input_ids");
      for (size_t word = 0; word < entry.shape[1]; ++word)
        words.push_back(static_cast<uint32_t>(fovea::io::to_integers(entry)[word]));
      options.inputs[i] = fovea::Shape{static_cast<uint32_t>(words.size())};
    }
    generation.emplace(loaded, options);
    const std::vector<float> all = inputs.values("input");
    generation->write(pixels, std::span(all).first(loaded.inputs()[pixels].shape.elements()));
    if (!words.empty()) generation->write(question, words);
    const std::vector<uint32_t> start = {static_cast<uint32_t>(ids.front())};
    generation->start(start, 1);
    retrace.emplace(loaded, generation->inputs(), options.most);
  }

  const fovea::io::TensorEntry& tensor(const std::string& name) const {
    const auto* found = wanted.find(name);
    REQUIRE(found != nullptr);
    return *found;
  }

  // The largest difference of map(ids before, chosen) from the file's rows of that name, as a share of the
  // largest value of its token.
  template <class Map>
  double off(const std::string& name, Map& map) const {
    const std::vector<float> rows = fovea::io::to_float(tensor(name));
    const size_t keys = tensor(name).shape[1];
    const std::vector<uint32_t> all(ids.begin(), ids.end());
    double most = 0;
    for (size_t k = 1; k < all.size(); ++k) {
      const std::vector<float> found = map(std::span(all).first(k), all[k]);
      const auto row = rows.begin() + static_cast<std::ptrdiff_t>((k - 1) * keys);
      const std::vector<float> expected(row, row + static_cast<std::ptrdiff_t>(keys));
      most = std::max(most, golden::largest_difference(found, expected) / golden::largest(expected));
    }
    return most;
  }

  fovea::Model model;
  golden::Reference inputs;
  fovea::io::Safetensors wanted;
  std::vector<int64_t> ids;
  std::optional<fovea::Generation> generation;
  std::optional<fovea::Retrace> retrace;
};

}  // namespace traced_texts
