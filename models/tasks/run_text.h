// What a model writes about inputs by name, as tensors by name.
#pragma once

#include "models/tasks/run_steps.h"

namespace fovea {

// Adds `generated`, `generated_length`, `step_logits` and `step_cross_attn.<layer>`, and with beams
// `generated_score`: up to `most` tokens behind the start token. Of a model that takes a prompt and has one:
// the same behind the prompt, with `prompt_` in front of the names. The model has a writer.
void run_text(const LoadedModel& model, const StepInputs& inputs, uint32_t most, const TokenChoice& choice,
              RawTensors& out);

}  // namespace fovea
