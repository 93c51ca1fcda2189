// All terms of class evidence: a logit as a sum over layers, heads and tokens, and what no head moved.
#pragma once

#include "maps/methods.h"

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
    Tensor bias, scale;     // [1, 1, width rounded up], empty where the block has none
  };
  std::vector<float> read(const Tensor& t) const;
  double sum(const Tensor& t, uint32_t slot) const;  // of one image's elements

  uint32_t images_, classes_;
  std::vector<Layer> layers_;
  Tensor class_, direction_, class_weights_, after_, beta_;
  std::vector<Tensor> head_bias_;
  Program program_;
};

}  // namespace fovea::maps
