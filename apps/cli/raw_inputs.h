// A file of tensors as what a model takes.
#pragma once

#include "apps/hub/model_flags.h"
#include "fovea/run.h"
#include "models/weights/safetensors.h"

namespace fovea::apps {

// All that the file holds and that is no result; of a name that the model does not take, not the values.
RawTensors inputs_in(const io::Safetensors& file, const Model& model);
// Without --size a model is loaded for pictures as the file has them.
ModelFlags sized(ModelFlags flags, const io::Safetensors& file);

}  // namespace fovea::apps
