// A model family: which configs it answers to and how it loads.
#pragma once

#include <memory>
#include <string>

#include "models/config/config.h"
#include "models/model/model.h"

namespace fovea {

struct Family {
  const char* name;      // for people: "ViT"
  const char* examples;  // architectures and model types it loads, for messages
  // Only what is known by its name in all that no weight shows: heads, activations, the order of norms,
  // padding.
  bool (*matches)(const io::ModelConfig& config);
  std::shared_ptr<LoadedModel> (*load)(const Loading& from);
  const io::NameTable* names = nullptr;  // of its files in transformers' naming
  // What is different in an architecture that is called like the family's and is none of it; empty for
  // others.
  std::string (*difference)(const io::ModelConfig& config) = nullptr;
  bool writes_text = false;  // so that its folders hold a tokenizer
};

// The family whose models are M, made by M(from).
template <class M>
Family family(const char* name, const char* examples, bool (*matches)(const io::ModelConfig& config),
              const io::NameTable* names = nullptr) {
  return {name, examples, matches,
          [](const Loading& from) -> std::shared_ptr<LoadedModel> { return std::make_shared<M>(from); },
          names};
}

}  // namespace fovea
