// Models that people ask for by name: what they are, so that one can choose before downloading.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::apps::hub {

struct Known {
  const char* repository;    // "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
  const char* architecture;  // timm's; or "vit" or "deit", a model type of transformers
  double parameters = 0;     // millions
  double gmacs = 0;          // 1e9 multiplications with addition a picture; 0: not known
  double top1 = 0;  // published, per cent of ImageNet-1k's validation pictures; 0: not known or no head
  const char* licence = "";  // of the weights; empty: see the model's card

  // Without the org and the tag of the weights: "vit_tiny_patch16_224".
  std::string_view short_name() const;
  // The family that loads it, as the library says; empty when none does.
  std::string family() const;
};

std::span<const Known> known_models();

// By repository, by name without the org, or by short name, where the first row with it is meant. nullptr
// when it is not in the table.
const Known* find_known(std::string_view text);

// Repositories whose names are a few letters away, nearest first, at most `count`.
std::vector<std::string> nearest_known(std::string_view text, size_t count = 3);

}  // namespace fovea::apps::hub
