// The task of naming what a picture shows: reads a model's `logits` as classes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fovea/session.h"
#include "models/model/model.h"

namespace fovea {

// A model without `logits` has no classes; of its pass one output is read all the same, to see that it went
// well.
class Classify {
 public:
  // top_k is clipped to the model's classes.
  Classify(const LoadedModel& model, uint32_t top_k);

  bool has_logits() const { return logits_.has_value(); }
  uint32_t top_k() const { return has_logits() ? top_k_ : 0; }
  size_t output() const { return logits_.value_or(0); }  // that a pass must give

  // Recorded behind a pass that gave `given` for output().
  struct Answer {
    Tensor given;                    // `logits` [images, classes], else that other output
    Tensor probabilities, indices;   // [images, top_k], best first; empty without logits
    std::vector<Tensor*> tensors();  // those that are not empty
  };
  Answer record(Recorder& r, const Tensor& given) const;

 private:
  std::optional<size_t> logits_;
  uint32_t top_k_;
};

// Weights are finite and inputs are pixels: an answer that is not numbers left the range of fp16, or the
// driver erred. Throws Error(unsupported).
void check_finite(const ModelInfo& info, std::span<const float> answer);

// One image's classes, from its logits and the probabilities and indices of an Answer.
std::vector<Prediction> predictions(std::span<const float> logits, std::span<const float> probabilities,
                                    std::span<const uint32_t> indices);

}  // namespace fovea
