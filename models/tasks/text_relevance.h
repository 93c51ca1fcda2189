// What of a picture a token was written for, by gradients.
#pragma once

#include <optional>
#include <vector>

#include "models/nn/stream.h"
#include "models/tasks/retrace.h"
#include "models/tasks/token_gradient.h"

namespace fovea {

// Chefer et al. 2021, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
// Transformers", eqs. 5 to 10, from C = mean over heads of ReLU(∂y/∂A ⊙ A), y the score of the token that was
// chosen. Of layers over tokens q that look at keys k, for one of the tokens:
//   R_qq ← R_qq + C_qq R_qq,   R_qk ← R_qk + C_qq R_qk + N(R_qq)ᵀ C_qk N(R_kk),   N(R) = rows of R − I that
//   sum to 1, + I
// A row of R − I without mass stays so. Where k is a question that looked at the picture, R_qk is gone on
// with by R of that.
class TextRelevance {
 public:
  TextRelevance(const LoadedModel& model, Retrace& retrace);

  // Of the token that was chosen behind ids.back(): one number for each token of the picture, 0 or more.
  std::vector<float> operator()(std::span<const uint32_t> ids, uint32_t chosen);

 private:
  void record_text();
  void record_below();

  const LoadedModel& model_;
  const Writer& writer_;
  Retrace& retrace_;
  TokenGradient of_score_;
  Tensor dy_;  // by what the head reads, [1, tokens, width]
  layers::TextGradient text_gradient_;
  Program text_;

  Tensor dmemory_;
  std::optional<layers::TextGradient> question_gradient_;
  std::vector<Tensor> encoder_;  // C of each of the encoder's layers, [1, tokens, tokens]
  Program below_;
};

}  // namespace fovea
