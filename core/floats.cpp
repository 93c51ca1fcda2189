#include "core/floats.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"

namespace fovea {

std::vector<float> to_floats(std::span<const std::byte> elements, DType dtype) {
  std::vector<float> out(elements.size() / element_bytes(dtype));
  if (dtype == DType::f32) {
    std::memcpy(out.data(), elements.data(), elements.size());
    return out;
  }
  std::vector<uint16_t> halves(out.size());
  std::memcpy(halves.data(), elements.data(), elements.size());
  std::transform(halves.begin(), halves.end(), out.begin(), half_to_float);
  return out;
}

std::vector<uint16_t> to_halves(std::span<const float> values) {
  std::vector<uint16_t> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), float_to_half);
  return out;
}

}  // namespace fovea
