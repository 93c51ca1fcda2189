// Chooses between kernels that compute the same, by checking and timing each once on the device at hand.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/record/recorder.h"

namespace fovea {

struct Candidate {
  std::string name;                         // stable: it is what the choice is stored under
  std::function<Tensor(Recorder&)> record;  // records the operation once and returns its result
};

struct Trial {
  std::string key;  // operation, shape and storage type
  std::vector<Candidate> candidates;
  // Fills the inputs of a recorded trial.
  std::function<void(Program&)> fill;
  // Judges a result; a candidate that fails is never chosen.
  std::function<bool(const Program&, const Tensor&)> correct;
};

// The candidate to use: the one stored for (device, driver, key), else the fastest that is correct, stored
// for next time. One that cannot run is passed over. Throws Error(unsupported) when none is correct. A single
// candidate is no choice and is not measured; a recorder that only describes takes the first.
size_t choose(const Recorder& r, const Trial& trial);

}  // namespace fovea
