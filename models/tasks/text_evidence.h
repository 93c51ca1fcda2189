// What the picture's tokens gave to a token's score, exactly.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/tasks/retrace.h"
#include "models/tasks/token_gradient.h"

namespace fovea {

// For a linear head over a stack with one norm (TextStack::one_norm): with σ of that norm held at what it is,
// the score is w · x + a constant, w = (γ ⊙ W_head[token]) / σ minus its mean, and the stream x a sum. What
// head h of layer l moved from the picture's token i is
//   E[l,h,i] = A[l,h,i] · (V[l,h,i] · W_O,hᵀ w)
class TextEvidence {
 public:
  TextEvidence(const LoadedModel& model, Retrace& retrace);
  static bool exact_for(const LoadedModel& model);

  // Of the token that was chosen behind ids.back(): Σ E over layers and heads, for each token of the picture.
  std::vector<float> operator()(std::span<const uint32_t> ids, uint32_t chosen);

 private:
  Retrace& retrace_;
  TokenGradient of_score_;
  Tensor dy_, parts_;  // by what the head reads, [1, tokens, width]; [1, keys]
  Program program_;
};

}  // namespace fovea
