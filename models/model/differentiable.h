// Models with a loss: it and its gradients are outputs that a pass computes only where somebody asks.
#pragma once

#include <string>
#include <vector>

#include "models/model/model.h"
#include "models/nn/gradients.h"

namespace fovea {

class DifferentiableModel : public LoadedModel {
 protected:
  using LoadedModel::LoadedModel;

  // `loss`, `grad.<parameter>` for every tensor of the weights' file and `grad.<input>`; needs: optional
  // inputs that the loss reads.
  void declare_loss(const io::Weights& w, const std::vector<std::string>& inputs,
                    const std::vector<size_t>& needs);
  bool wants_loss(const Pass& pass) const;
  // loss [1], gradients by parameters and inputs under their names. Every one that was declared must be
  // there.
  void give_loss(Pass& pass, const Tensor& loss, const layers::Gradients& gradients) const;

 private:
  size_t loss_ = no_output;
  std::vector<size_t> gradients_;
};

}  // namespace fovea
