// The options that say which model runs on which device, for every subcommand that runs one.
#pragma once

#include <string>

#include "apps/command_line/command_line.h"
#include "apps/hub/model_choice.h"
#include "fovea/model.h"

namespace fovea::apps {

struct ModelFlags {
  std::string model, device, dtype = "auto", size;
};

void add_model_flags(const Command& command, ModelFlags& flags);

// Opens the device and loads the model onto it; says once on stderr when no GPU was found. Throws
// Error(usage) for values that make no sense, whatever Device::open and Model::load throw otherwise.
Model load_model(const ModelFlags& flags);
// The same for a model that was chosen before.
Model load_model(const ModelFlags& flags, const ModelChoice& choice);
// The device alone, with the same notice.
Device open_device(const std::string& selector);

}  // namespace fovea::apps
