// How a model that writes chooses its tokens.
#pragma once

#include <cstdint>

namespace fovea {

constexpr uint32_t most_beams = 16;

// The most probable token at each step; one drawn by chance; or the best of several texts at once.
struct TokenChoice {
  // Tokens are drawn from the softmax of logits / temperature; 0: the most probable one is taken.
  float temperature = 0;
  // Only among the most probable ones, of equal ones those of the lowest ids; 0: among all.
  uint32_t top_k = 0;
  // Equal seeds draw equal tokens, whatever the batch and up to rounding the device: the number that decides
  // at a step is the first word of Philox4x32-10 with the seed as key and the position and the picture's
  // number as counter.
  uint64_t seed = 0;
  // Texts that are gone on with at once; after each step the best ones of all continuations stay. The best
  // by Σ log p / length^length_penalty wins, the end token counted in both.
  uint32_t beams = 1;
  float length_penalty = 1;

  bool draws() const { return temperature > 0; }
};

}  // namespace fovea
