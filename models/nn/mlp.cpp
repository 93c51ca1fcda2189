#include "models/nn/mlp.h"

#include <fmt/format.h>

#include <array>

#include "fovea/error.h"
#include "runtime/ops/nn/modulate.h"
#include "runtime/ops/nn/swiglu.h"
#include "runtime/ops/train/activation_backward.h"

namespace fovea::layers {
namespace {

LinearNumbers first_layer(const io::Weights& w, uint32_t width) {
  if (!w.has("fc1_g.weight")) return linear_numbers(w / "fc1", linear_columns(w / "fc1"), width);
  const uint32_t columns = linear_columns(w / "fc1_g");
  const std::array parts{linear_numbers(w / "fc1_g", columns, width),
                         linear_numbers(w / "fc1_x", columns, width)};
  return stacked(w.path("fc1"), parts);
}

}  // namespace

Mlp::Mlp(WeightStore& store, const io::Weights& w, uint32_t width, ops::Activation activation,
         std::optional<float> norm)
    : name_(w.scope()),
      activation_(activation),
      inner_(linear_inputs(w / "fc2")),
      fc1_(store, first_layer(w, width)),
      fc2_(store, w / "fc2", width, inner_) {
  if (norm) norm_.emplace(store, w / "norm", inner_, *norm);
  const uint32_t hidden = fc1_.weights().columns;
  if (hidden != inner_ && hidden != 2 * inner_)
    throw Error(ErrorKind::model,
                fmt::format("[load] {} has {} columns, fc2 reads {}: neither an MLP nor SwiGLU",
                            w.path("fc1"), hidden, inner_));
}

Tensor Mlp::operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale) const {
  const auto scope = r.scope(name_);
  Tensor h = fc1_(r, x, {gated() ? ops::Activation::none : activation_, {}, {}});
  if (gated()) h = ops::swiglu(r, h);
  if (norm_) h = (*norm_)(r, h);
  return fc2_(r, h, {ops::Activation::none, scale, residual});
}

Tensor Mlp::backward(Recorder& r, const Tensor& x, const Tensor& dy, const Tensor& scale) const {
  const auto scope = r.scope(name_);
  Tensor d = fc2_.backward(r, dy, scale);
  const Tensor hidden = fc1_(r, x);
  if (norm_) {
    const Tensor inner =
        gated() ? ops::swiglu(r, hidden) : ops::modulate(r, hidden, {.activation = activation_});
    d = norm_->backward(r, inner, d);
  }
  d = ops::activation_backward(r, hidden, d, gated() ? ops::Activation::silu : activation_);
  return fc1_.backward(r, d);
}

}  // namespace fovea::layers
