// Elements of tensors from and to the host's floats.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/dtype.h"

namespace fovea {

// Exactly; of integers beyond 2^24 the nearest float.
std::vector<float> to_floats(std::span<const std::byte> elements, DType dtype);
// Rounded to nearest for f16. Throws Error(usage) for other types than f32 and f16.
std::vector<std::byte> from_floats(std::span<const float> values, DType dtype);

}  // namespace fovea
