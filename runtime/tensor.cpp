#include "runtime/tensor.h"

#include <fmt/format.h>

#include "fovea/error.h"

namespace fovea {

const char* to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::u32:
      break;
  }
  return "u32";
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (uint32_t i = 0; i < shape.rank(); ++i) out += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return out + "]";
}

Tensor Tensor::reshaped(const Shape& to) const {
  if (to.elements() != shape.elements())
    throw Error(ErrorKind::usage,
                fmt::format("[reshape] {} does not fit {}", to_string(shape), to_string(to)));
  Tensor out = *this;
  out.shape = to;
  return out;
}

}  // namespace fovea
