#include "runtime/record/tensor.h"

#include <fmt/format.h>

#include "fovea/error.h"

namespace fovea {

Tensor Tensor::reshaped(const Shape& to) const {
  if (to.elements() != shape.elements())
    throw Error(ErrorKind::usage,
                fmt::format("[reshape] {} does not fit {}", to_string(shape), to_string(to)));
  Tensor out = *this;
  out.shape = to;
  return out;
}

}  // namespace fovea
