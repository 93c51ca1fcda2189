#include "models/model/pass.h"

#include <utility>

namespace fovea {

bool fits(const Port& port, const Shape& one, Axes& axes) {
  if (one.rank() != port.shape.rank() || one.elements() == 0) return false;
  for (uint32_t i = 0; i < one.rank(); ++i) {
    if (port.shape[i] != 0 && port.shape[i] != one[i]) return false;
    const bool named = i < port.axes.size() && !port.axes[i].empty();
    if (named && axes.emplace(port.axes[i], one[i]).first->second != one[i]) return false;
  }
  return true;
}

Shape of_images(uint32_t images, const Shape& one) {
  switch (one.rank()) {
    case 0:
      return {images};
    case 1:
      return {images, one[0]};
    case 2:
      return {images, one[0], one[1]};
    default:
      return {images, one[0], one[1], one[2]};
  }
}

Shape of_one_image(const Shape& images) {
  switch (images.rank()) {
    case 1:
      return {};
    case 2:
      return {images[1]};
    case 3:
      return {images[1], images[2]};
    default:
      return {images[1], images[2], images[3]};
  }
}

Pass::Pass(Recorder& r, std::vector<Tensor> inputs, size_t outputs, std::span<const size_t> wanted,
           AttentionTap* tap)
    : recorder_(r), inputs_(std::move(inputs)), outputs_(outputs), wanted_(outputs), tap_(tap) {
  for (const size_t i : wanted) wanted_.at(i) = true;
}

}  // namespace fovea
