// IEEE 754 binary16 <-> binary32.
#pragma once

#include <bit>
#include <cstdint>

namespace fovea {

// Exact: every half is a float.
inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fU;
  const uint32_t mantissa = half & 0x3ffU;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

// Rounds to nearest, ties to even. Values from 65520 up become infinity; a NaN stays a (quiet) NaN.
inline uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  const auto with_sign = [sign](uint32_t half) { return static_cast<uint16_t>(sign | half); };
  if (magnitude > 0x7f800000U) return with_sign(0x7e00U | ((magnitude >> 13) & 0x3ffU));
  if (magnitude >= 0x477ff000U) return with_sign(0x7c00U);
  if (magnitude < 0x38800000U) {  // below 2^-14: adding 0.5 aligns the ulp with 2^-24 and the FPU rounds
    const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
    return with_sign(std::bit_cast<uint32_t>(aligned) - std::bit_cast<uint32_t>(0.5F));
  }
  const uint32_t odd = (magnitude >> 13) & 1U;
  return with_sign((magnitude - (112U << 23) + 0xfffU + odd) >> 13);
}

inline float bfloat16_to_float(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

}  // namespace fovea
