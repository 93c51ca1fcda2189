#include "models/nn/shapes.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "models/config/text.h"

namespace fovea::layers {
namespace {

constexpr uint64_t largest_size = 1U << 16, largest_kernel = 31;

[[noreturn]] void refuse(const io::Weights& w, const char* name, const std::string& needs) {
  throw Error(ErrorKind::model, fmt::format("[load] tensor {} is {}, the model needs {}", w.path(name),
                                            io::shape_text(w.shape(name)), needs));
}

}  // namespace

uint32_t dimension(const io::Weights& w, const char* name, size_t rank, size_t axis) {
  const auto shape = w.shape(name);
  if (shape.size() != rank) refuse(w, name, fmt::format("{} dimensions", rank));
  if (shape[axis] == 0 || shape[axis] > largest_size)
    refuse(w, name, fmt::format("1 to {} in dimension {}", largest_size, axis));
  return static_cast<uint32_t>(shape[axis]);
}

ConvShape centred_conv(const io::Weights& conv, uint32_t inputs, uint32_t stride) {
  const uint32_t columns = dimension(conv, "weight", 4, 0), of_group = dimension(conv, "weight", 4, 1),
                 size = dimension(conv, "weight", 4, 2);
  if (dimension(conv, "weight", 4, 3) != size || size % 2 == 0 || size > largest_kernel)
    refuse(conv, "weight", fmt::format("a square kernel of an odd size up to {}", largest_kernel));
  const uint32_t groups = inputs / of_group;
  if (inputs % of_group != 0 || columns % groups != 0)
    refuse(conv, "weight", fmt::format("groups of it to add up to {} input channels", inputs));
  return {inputs, columns, groups, ops::Window::square(size, stride, (size - 1) / 2)};
}

}  // namespace fovea::layers
