// Types of a tensor's elements.
#pragma once

#include <cstdint>

namespace fovea {

enum class DType : uint32_t { f32, f16, bf16, s8, u8, s32, u32 };

constexpr uint32_t element_bytes(DType dtype) {
  switch (dtype) {
    case DType::s8:
    case DType::u8:
      return 1;
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::f32:
    case DType::s32:
    case DType::u32:
      break;
  }
  return 4;
}
// Whether elements are real numbers rather than integers.
constexpr bool is_real(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}
const char* to_string(DType dtype);

}  // namespace fovea
