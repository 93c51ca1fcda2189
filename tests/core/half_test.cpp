#include "core/half.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>

using fovea::bfloat16_to_float;
using fovea::float_to_half;
using fovea::half_to_float;

namespace {

// The definition, in doubles: (-1)^s * 2^(e-15) * (1 + m/1024), or m * 2^-24 when e is 0.
double half_by_definition(uint32_t half) {
  const double sign = half & 0x8000U ? -1.0 : 1.0;
  const int exponent = static_cast<int>((half >> 10) & 31U);
  const int mantissa = static_cast<int>(half & 1023U);
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

bool is_finite_half(uint32_t half) {
  return ((half >> 10) & 31U) != 31U;
}

}  // namespace

TEST_CASE("every finite half becomes the float of its definition and comes back") {
  int wrong = 0;
  for (uint32_t bits = 0; bits < 0x10000U; ++bits) {
    if (!is_finite_half(bits)) continue;
    const float value = half_to_float(static_cast<uint16_t>(bits));
    const bool exact = static_cast<double>(value) == half_by_definition(bits) &&
                       std::signbit(value) == ((bits & 0x8000U) != 0);
    if (!exact || float_to_half(value) != bits) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("infinities and NaN survive both ways") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(half_to_float(0x7c00) == infinity);
  CHECK(half_to_float(0xfc00) == -infinity);
  CHECK(std::isnan(half_to_float(0x7c01)));
  CHECK(std::isnan(half_to_float(0xfe00)));
  CHECK(float_to_half(infinity) == 0x7c00);
  CHECK(float_to_half(-infinity) == 0xfc00);
  CHECK(std::isnan(half_to_float(float_to_half(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("floats round to the nearest half, ties to even") {
  // Between every two neighbours: the midpoint goes to the even one, its float neighbours to their own side.
  int wrong = 0;
  for (uint32_t low = 0; low < 0x7bffU; ++low) {
    const double below = half_by_definition(low);
    const double above = half_by_definition(low + 1);
    const auto middle = static_cast<float>((below + above) / 2);  // exact: one bit more than a half
    const uint32_t even = low % 2 == 0 ? low : low + 1;
    if (float_to_half(middle) != even) ++wrong;
    if (float_to_half(std::nextafter(middle, 0.0F)) != low) ++wrong;
    if (float_to_half(std::nextafter(middle, 1e9F)) != low + 1) ++wrong;
    if (float_to_half(-middle) != (even | 0x8000U)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("the ends of the half range") {
  CHECK(float_to_half(65504.0F) == 0x7bff);
  CHECK(float_to_half(std::nextafter(65520.0F, 0.0F)) == 0x7bff);
  CHECK(float_to_half(65520.0F) == 0x7c00);
  CHECK(float_to_half(std::numeric_limits<float>::max()) == 0x7c00);
  CHECK(float_to_half(0x1p-25F) == 0x0000);  // halfway between 0 and the smallest subnormal
  CHECK(float_to_half(std::nextafter(0x1p-25F, 1.0F)) == 0x0001);
  CHECK(float_to_half(std::numeric_limits<float>::denorm_min()) == 0x0000);
  CHECK(float_to_half(-0.0F) == 0x8000);
}

TEST_CASE("bfloat16 is the upper half of a float") {
  CHECK(bfloat16_to_float(0x3f80) == 1.0F);
  CHECK(bfloat16_to_float(0xc040) == -3.0F);
  CHECK(bfloat16_to_float(0x0001) == std::ldexp(1.0F, -133));  // subnormal
  CHECK(std::isinf(bfloat16_to_float(0x7f80)));
  CHECK(std::isnan(bfloat16_to_float(0x7fc0)));
}
