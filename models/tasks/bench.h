// Timing of a model's replayed forward pass.
#pragma once

#include "fovea/session.h"
#include "models/model/model.h"

namespace fovea {

// maps: also draw the raw map of every layer and a rollout in each pass.
BenchReport bench_forward(const LoadedModel& model, uint32_t batch, uint32_t runs, bool maps);

}  // namespace fovea
