// Gradients of a loss by parameters, under the names that the weights' file has for them.
#pragma once

#include <map>
#include <string>

#include "models/nn/linear.h"
#include "runtime/ops/train/weight_gradient.h"

namespace fovea::layers {

using Gradients = std::map<std::string, Tensor, std::less<>>;  // f32

// Of a linear layer's weight and bias, from its input x, of any type, and the gradient dy, f32, by what it
// gives.
void add_linear(Recorder& r, Gradients& gradients, const Linear& linear, const Tensor& x, const Tensor& dy);

}  // namespace fovea::layers
