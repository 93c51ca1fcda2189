// Gradients through a text's attention, by hand in torch: tests/reference/text_relevance.py made the files.
#include "models/tasks/text_relevance.h"

#include "models/tasks/generate.h"
#include "tests/models/golden.h"

namespace {

using fovea::LoadedModel;

struct Texts {
  Texts(const std::string& name, fovea::Precision precision)
      : model(fovea::Model::load(fovea::Device::open(), golden::folder(name), {precision, 0, 0})),
        inputs(golden::folder(name)),
        wanted(fovea::io::Safetensors::open(FOVEA_SOURCE_DIR "/tests/models/tasks/relevance/" + name +
                                            ".safetensors")),
        ids(fovea::io::to_integers(tensor("ids"))) {
    const LoadedModel& loaded = model.impl();
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

  fovea::Model model;
  golden::Reference inputs;
  fovea::io::Safetensors wanted;
  std::vector<int64_t> ids;
  std::optional<fovea::Generation> generation;
  std::optional<fovea::Retrace> retrace;
};

// The largest difference, as a share of the largest value of its token.
double off(Texts& texts) {
  fovea::TextRelevance relevance(texts.model.impl(), *texts.retrace);
  const std::vector<float> wanted = fovea::io::to_float(texts.tensor("relevance"));
  const size_t keys = texts.tensor("relevance").shape[1];
  const std::vector<uint32_t> ids(texts.ids.begin(), texts.ids.end());
  double most = 0;
  for (size_t k = 1; k < ids.size(); ++k) {
    const std::vector<float> found = relevance(std::span(ids).first(k), ids[k]);
    const auto row = wanted.begin() + static_cast<std::ptrdiff_t>((k - 1) * keys);
    const std::vector<float> expected(row, row + static_cast<std::ptrdiff_t>(keys));
    most = std::max(most, golden::largest_difference(found, expected) / golden::largest(expected));
  }
  return most;
}

}  // namespace

TEST_CASE("Relevance of texts equals torch's gradients and the rules of Chefer et al.") {
  for (const char* name : {"trocr_small", "vit_gpt2", "blip_caption", "blip_vqa"}) {
    CAPTURE(name);
    Texts exact(name, fovea::Precision::fp32);
    CHECK(off(exact) < 1e-4);
    if (!fovea::Device::open().info().fp16_storage) continue;
    Texts half(name, fovea::Precision::fp16);
    CHECK(off(half) < 0.03);
  }
}
