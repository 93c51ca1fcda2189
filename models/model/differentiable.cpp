#include "models/model/differentiable.h"

#include <fmt/format.h>

#include <algorithm>

#include "fovea/error.h"

namespace fovea {
namespace {

constexpr std::string_view prefix = "grad.";

Shape shape_of(const std::vector<uint64_t>& extents) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(extents[i]); };
  switch (extents.size()) {
    case 1:
      return {at(0)};
    case 2:
      return {at(0), at(1)};
    case 3:
      return {at(0), at(1), at(2)};
    default:
      return {at(0), at(1), at(2), at(3)};
  }
}

}  // namespace

void DifferentiableModel::declare_loss(const io::Weights& w, const std::vector<std::string>& inputs,
                                       const std::vector<size_t>& needs) {
  const auto declare = [&](std::string name, const Shape& shape, bool whole) {
    Port port{std::move(name), "", DType::f32, shape};
    port.extra = true;
    port.whole = whole;
    port.needs = needs;
    return declare_output(std::move(port));
  };
  loss_ = declare("loss", {}, true);
  for (const std::string& name : w.names())
    gradients_.push_back(declare(fmt::format("{}{}", prefix, name), shape_of(w.shape(name)), true));
  for (const std::string& name : inputs)
    gradients_.push_back(declare(fmt::format("{}{}", prefix, name), {}, false));
}

bool DifferentiableModel::wants_loss(const Pass& pass) const {
  return pass.wants(loss_) ||
         std::any_of(gradients_.begin(), gradients_.end(), [&](size_t i) { return pass.wants(i); });
}

void DifferentiableModel::give_loss(Pass& pass, const Tensor& loss,
                                    const layers::Gradients& gradients) const {
  if (pass.wants(loss_)) pass.give(loss_, loss);
  for (const size_t i : gradients_) {
    if (!pass.wants(i)) continue;
    const std::string& name = outputs()[i].name;
    const auto found = gradients.find(std::string_view(name).substr(prefix.size()));
    if (found == gradients.end())
      throw Error(ErrorKind::model, fmt::format("[forward] {} has no {}", info_.architecture, name));
    pass.give(i, found->second);
  }
}

}  // namespace fovea
