#include "models/nn/gradients.h"

namespace fovea::layers {

void add_linear(Recorder& r, Gradients& gradients, const Linear& linear, const Tensor& x, const Tensor& dy) {
  const auto scope = r.scope(linear.name());
  const ops::LinearGradient gradient = ops::weight_gradient(r, ops::Columns::all(x), ops::Columns::all(dy));
  gradients[linear.name() + ".weight"] = gradient.weight;
  if (linear.weights().bias) gradients[linear.name() + ".bias"] = gradient.bias;
}

}  // namespace fovea::layers
