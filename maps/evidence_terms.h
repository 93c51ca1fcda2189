// All terms of class evidence: a logit as a sum over layers, heads and tokens, and what no head moved.
#pragma once

#include "maps/methods.h"
#include "models/nn/step.h"

namespace fovea::maps {

// Recorded once on what a forward pass keeps; another class or slot is another run of it and nothing else.
class EvidenceTerms {
 public:
  // Throws Error(usage) for a model that has no MapMethod::evidence.
  EvidenceTerms(gpu::Device& device, const Kept& kept, const ModelInfo& info);
  ClassEvidence of(uint32_t target, uint32_t slot);

 private:
  struct Layer {
    Tensor terms;           // [images, heads, tokens]
    Tensor before, middle;  // [images * rows, 1]: of the stream around the attention
    std::vector<layers::Step::Product> constants;
  };
  std::vector<float> read(const Tensor& t) const;
  double of_image(const layers::Step::Product& product, uint32_t slot) const;
  double sum(const Tensor& t, uint32_t slot) const;  // of one image's elements

  uint32_t images_, classes_;
  std::vector<Layer> layers_;
  Tensor class_, after_, beta_;
  std::vector<Tensor> class_weights_;
  std::vector<Tensor> head_bias_;
  Program program_;
};

}  // namespace fovea::maps
