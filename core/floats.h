// Elements of tensors from and to the host's floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"

namespace fovea {

std::vector<float> to_floats(std::span<const std::byte> elements, DType dtype);  // f32 or f16
std::vector<uint16_t> to_halves(std::span<const float> values);

}  // namespace fovea
