// A whole model from a hub.
#pragma once

#include <filesystem>

#include "apps/hub/name.h"

namespace fovea::apps::hub {

// The model's folder: the one that is there already, a snapshot in the hub's own cache, or a new one that
// appears when all its files are whole. Throws Error(file) with one line that says what to do; Interrupted on
// Ctrl-C. What came of a file is kept in either case, and goes on with the next call.
std::filesystem::path pull(const ModelName& model);

// Deletes what was pulled, and parts of it. False when there is nothing. Throws Error(file).
bool remove_pulled(const ModelName& model);

}  // namespace fovea::apps::hub
