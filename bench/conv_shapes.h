// The convolutions of whole networks by themselves.
#pragma once

#include "fovea/device.h"

namespace fovea::bench {

// Prints a Markdown table a network: each distinct convolution, how often it occurs, milliseconds from GPU
// timestamps (best of `runs`), and their sum. Each result is checked first.
void print_conv_shapes(const Device& device, uint32_t runs);

}  // namespace fovea::bench
