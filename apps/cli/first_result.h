// Time from starting the program to its first answer.
#pragma once

#include "apps/hub/model_flags.h"
namespace fovea::apps {

struct FirstResult {
  double cold_ms = 0;  // no pipeline cache yet
  double warm_ms = 0;  // the cache that the cold run left
};

// Runs this program twice as a child process with a cache folder of its own, deleted afterwards.
// Throws Error(file) when the child cannot be started or fails.
FirstResult measure_first_result(const ModelFlags& flags);

}  // namespace fovea::apps
