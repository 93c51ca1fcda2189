// Sizes of layers as the weights' shapes tell them.
#pragma once

#include "models/nn/conv.h"
#include "models/weights/weights.h"

namespace fovea::layers {

// Axis of a tensor of `rank` dimensions. Throws Error(model) for another rank and for sizes beyond reason.
uint32_t dimension(const io::Weights& w, const char* name, size_t rank, size_t axis);

// A convolution over `inputs` channels whose weight [columns, inputs / groups, k, k] has an odd k, padded by
// (k − 1) / 2 so that stride 1 keeps the size.
ConvShape centred_conv(const io::Weights& conv, uint32_t inputs, uint32_t stride = 1);

}  // namespace fovea::layers
