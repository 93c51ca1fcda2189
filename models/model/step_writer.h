// A recurrent model that writes a sequence: a state of its own from step to step, and what it looks at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/model/id_writer.h"
#include "runtime/record/recorder.h"

namespace fovea {

class StepWriter : public IdWriter {
 public:
  virtual uint32_t vocabulary() const = 0;
  virtual uint32_t most() const { return UINT32_MAX; }  // ids that it writes
  // The cells of a picture that a step looks at, row by row; none where its keys are something else.
  struct Cells {
    uint32_t rows = 0, cols = 0;
  };
  virtual Cells cells() const { return {}; }

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

  // Whether a logit is the sum of what each key gave, weight times a number of its own, and of what the state
  // and the id before gave. Those numbers for the logit of an id that was chosen, u32 [images, 1], f32
  // [images, keys].
  virtual bool has_evidence() const { return false; }
  virtual Tensor evidence(Recorder&, const Tensor& /*chosen*/, std::span<const Tensor> /*seen*/) const {
    return {};
  }
};

}  // namespace fovea
