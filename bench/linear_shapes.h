// The linear kernel by itself, on the shapes of a ViT-Tiny.
#pragma once

#include "fovea/device.h"

namespace fovea::bench {

// Prints a Markdown table: GFLOP/s from GPU timestamps (median and best of `runs`), each result checked
// first.
void print_linear_shapes(const Device& device, uint32_t runs);

}  // namespace fovea::bench
