// What a recurrent model writes about inputs by name, as tensors by name.
#pragma once

#include <optional>
#include <vector>

#include "fovea/run.h"
#include "models/model/model.h"

namespace fovea {

struct StepInputs {
  std::vector<const RawTensor*> tensors;     // by the model's index; null for those left out
  std::vector<std::optional<Shape>> shapes;  // of one image of each
  uint64_t count = 0;                        // images
  uint32_t batch = 1;                        // at once
};

// Adds `generated`, `generated_length`, `step_logits` and `step_weights`: up to `most` ids behind the start
// id, each the best one, pads behind the end id, and zeros where a row has ended. The model has a step
// writer. Throws Error(usage) for more ids than it writes.
void run_steps(const LoadedModel& model, const StepInputs& inputs, uint32_t most, RawTensors& out);

}  // namespace fovea
