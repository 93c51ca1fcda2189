// Steps of models that write, as a Markdown table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/model.h"
#include "fovea/token_choice.h"

namespace fovea::bench {

struct DecoderRun {
  uint32_t steps = 100;    // of which the median is taken
  uint32_t longest = 512;  // tokens of a text; a longer run begins anew
  TokenChoice choice{};
  bool kernels = false;  // also a table of kernels
};

// Of each model that writes among these folders: a picture of zeros, and the first text about it again and
// again.
void print_decoder_steps(const Device& device, const std::vector<std::string>& folders, Precision precision,
                         const DecoderRun& run);

}  // namespace fovea::bench
