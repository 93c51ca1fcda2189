// The vision transformer (Dosovitskiy et al. 2021) for every family that is one: it is told a shape, and
// binds the weights under timm's names.
#pragma once

#include <optional>
#include <vector>

#include "models/arch/vit/vit_trunk.h"
#include "models/nn/class_head.h"
#include "models/nn/tanh_linear.h"

namespace fovea {

class Vit : public LoadedModel {
 public:
  Vit(const Loading& from, const VitShape& shape);
  void forward(Pass& pass) const override;

 private:
  layers::ClassHead class_head(const io::ModelConfig& config, const io::Weights& w);
  std::vector<layers::Linear> linears(const io::ModelConfig& config, const io::Weights& w);
  void declare_answers(const io::Weights& w);
  Tensor class_token(Recorder& r, const Tensor& x) const;

  const size_t pixels_ = declare_pixels(), features_ = declare_features();
  size_t pooler_output_ = no_output, logits_ = no_output;
  VitShape s_;
  VitTrunk trunk_;
  std::optional<layers::ClassHead> head_;
  std::optional<layers::TanhLinear> pooler_;
};

}  // namespace fovea
