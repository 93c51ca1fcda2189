// Types of a tensor's elements.
#pragma once

#include <cstdint>

namespace fovea {

enum class DType : uint32_t { f32, f16, u32 };

constexpr uint32_t element_bytes(DType dtype) {
  return dtype == DType::f16 ? 2 : 4;
}
const char* to_string(DType dtype);

}  // namespace fovea
