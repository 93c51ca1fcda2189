// Models that write, with their tokenizers, and pictures for them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fovea/generate.h"
#include "tests/models/golden.h"
#include "tests/models/tasks/pictures.h"

namespace text_models {

inline constexpr uint32_t side = 64;

using pictures::Picture;

struct Loaded {
  explicit Loaded(const std::string& name)
      : model(
            fovea::Model::load(fovea::Device::open(), golden::folder(name), {fovea::Precision::fp32, 0, 0})),
        tokenizer(fovea::load_tokenizer(golden::folder(name))) {}
  fovea::TextSession session(const fovea::TextOptions& options = {}) const {
    return {model, tokenizer, options};
  }
  // A picture of the model's size, as it is normalised.
  fovea::RawTensor input(const Picture& picture) const {
    const fovea::Preprocessing p = fovea::preprocessing_of(model);
    fovea::RawTensor out{{1, 3, picture.h, picture.w}, {}, {}};
    for (size_t c = 0; c < 3; ++c)
      for (size_t i = 0; i < size_t{picture.h} * picture.w; ++i)
        out.values.push_back((static_cast<float>(picture.pixels[i * 3 + c]) / 255 - p.mean[c]) / p.std[c]);
    return out;
  }
  fovea::Model model;
  fovea::Tokenizer tokenizer;
};

inline std::vector<fovea::TextToken> all_of(fovea::TextSession& session) {
  std::vector<fovea::TextToken> out;
  while (auto token = session.next()) out.push_back(std::move(*token));
  return out;
}

}  // namespace text_models
