#include "core/dtype.h"

namespace fovea {

const char* to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::s8:
      return "s8";
    case DType::u8:
      return "u8";
    case DType::s32:
      return "s32";
    case DType::u32:
      break;
  }
  return "u32";
}

}  // namespace fovea
