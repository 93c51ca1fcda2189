#include "core/floats.h"

#include <cstring>
#include <string>

#include "core/half.h"
#include "fovea/error.h"

namespace fovea {
namespace {

template <class Stored, class Convert>
std::vector<float> converted(std::span<const std::byte> bytes, Convert convert) {
  std::vector<float> out(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, &bytes[i * sizeof(Stored)], sizeof(Stored));
    out[i] = convert(value);
  }
  return out;
}

template <class Stored>
std::vector<float> cast(std::span<const std::byte> bytes) {
  return converted<Stored>(bytes, [](Stored v) { return static_cast<float>(v); });
}

}  // namespace

std::vector<float> to_floats(std::span<const std::byte> elements, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return cast<float>(elements);
    case DType::f16:
      return converted<uint16_t>(elements, half_to_float);
    case DType::bf16:
      return converted<uint16_t>(elements, bfloat16_to_float);
    case DType::s8:
      return cast<int8_t>(elements);
    case DType::u8:
      return cast<uint8_t>(elements);
    case DType::s32:
      return cast<int32_t>(elements);
    case DType::u32:
      break;
  }
  return cast<uint32_t>(elements);
}

std::vector<std::byte> from_floats(std::span<const float> values, DType dtype) {
  if (dtype == DType::f32) {
    const auto bytes = std::as_bytes(values);
    return {bytes.begin(), bytes.end()};
  }
  if (dtype != DType::f16)
    throw Error(ErrorKind::usage,
                std::string("[convert] floats to ") + to_string(dtype) + ", not f32 or f16");
  std::vector<std::byte> out(values.size() * 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t half = float_to_half(values[i]);
    std::memcpy(&out[i * 2], &half, 2);
  }
  return out;
}

}  // namespace fovea
