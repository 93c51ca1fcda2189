// A recurrent model that writes a sequence: a state of its own from step to step, and what it looks at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/record/recorder.h"

namespace fovea {

class StepWriter {
 public:
  virtual ~StepWriter() = default;

  struct Ids {
    uint32_t start = 0, end = 0, pad = 0;
  };
  virtual Ids ids() const = 0;

  // Tensors [images, …] in an order of the model's own.
  struct Begun {
    std::vector<Tensor> carried;  // what a step replaces
    std::vector<Tensor> seen;     // what every step looks at
  };
  // From the model's inputs, empty for those that are left out.
  virtual Begun begin(Recorder& r, std::span<const Tensor> inputs) const = 0;
  struct Step {
    std::vector<Tensor> carried;
    Tensor logits;   // [images, vocabulary]
    Tensor weights;  // f32 [images, keys]
  };
  // ids u32 [images, 1]: those that were written before.
  virtual Step step(Recorder& r, const Tensor& ids, std::span<const Tensor> carried,
                    std::span<const Tensor> seen) const = 0;
};

}  // namespace fovea
