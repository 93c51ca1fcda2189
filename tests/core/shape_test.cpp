#include "core/shape.h"

#include <doctest/doctest.h>

#include <array>

#include "core/floats.h"
#include "core/half.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

template <class... Dims>
constexpr bool is_constant_shape(Dims... dims) {
  return Shape{dims...}.rank() == sizeof...(Dims);
}
static_assert(is_constant_shape(1U, 2U, 3U, 4U));
static_assert(Shape{2, 3, 4}.elements() == 24 && Shape{2, 3, 4}.with_first(5) == Shape{5, 3, 4});

TEST_CASE("a fifth dimension is an error, and one that is not there has no size") {
  CHECK_THROWS_WITH_AS((Shape{1, 2, 3, 4, 5}), "[shape] 5 dimensions, of at most 4", Error);
  const Shape two{7, 9};
  CHECK(two[1] == 9);
  for (const uint32_t i : {2U, 3U, 4U, 1000U}) CHECK(two[i] == 0);
}

TEST_CASE("sizes saturate instead of wrapping") {
  CHECK(Shape{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}.elements() == UINT64_MAX / 16);
  CHECK(Shape{UINT32_MAX, 0, UINT32_MAX}.elements() == 0);
}

TEST_CASE("element types have their sizes and names") {
  const std::array<std::pair<DType, const char*>, 7> types{{{DType::f32, "f32"},
                                                            {DType::f16, "f16"},
                                                            {DType::bf16, "bf16"},
                                                            {DType::s8, "s8"},
                                                            {DType::u8, "u8"},
                                                            {DType::s32, "s32"},
                                                            {DType::u32, "u32"}}};
  for (const auto& [type, name] : types) CHECK(std::string(to_string(type)) == name);
  CHECK(element_bytes(DType::u8) == 1);
  CHECK(element_bytes(DType::s8) == 1);
  CHECK(element_bytes(DType::bf16) == 2);
  CHECK(element_bytes(DType::f16) == 2);
  CHECK(element_bytes(DType::s32) == 4);
  CHECK(is_real(DType::bf16));
  CHECK(!is_real(DType::u8));
}

TEST_CASE("bytes of every type become floats") {
  const auto floats = [](const auto& stored, DType type) {
    return to_floats(std::as_bytes(std::span(stored)), type);
  };
  using Floats = std::vector<float>;
  CHECK(floats(std::array<float, 2>{1.5F, -3e38F}, DType::f32) == Floats{1.5F, -3e38F});
  CHECK(floats(std::array<uint16_t, 3>{0x3c00, 0xc000, 0x0001}, DType::f16) == Floats{1, -2, 0x1p-24F});
  CHECK(floats(std::array<uint16_t, 2>{0x3f80, 0xc040}, DType::bf16) == Floats{1, -3});
  CHECK(floats(std::array<int8_t, 2>{-128, 127}, DType::s8) == Floats{-128, 127});
  CHECK(floats(std::array<uint8_t, 2>{0, 255}, DType::u8) == Floats{0, 255});
  CHECK(floats(std::array<int32_t, 2>{-5, 1 << 30}, DType::s32) == Floats{-5, 0x1p30F});
  CHECK(floats(std::array<uint32_t, 1>{UINT32_MAX}, DType::u32) == Floats{0x1p32F});
}

TEST_CASE("floats become f32 and f16, and nothing else silently") {
  const std::array<float, 3> values{1, -0.1F, 70000};
  CHECK(to_floats(from_floats(values, DType::f32), DType::f32) == std::vector<float>{1, -0.1F, 70000});
  CHECK(to_floats(from_floats(values, DType::f16), DType::f16) ==
        std::vector<float>{1, half_to_float(float_to_half(-0.1F)), half_to_float(0x7c00)});
  CHECK_THROWS_WITH_AS(from_floats(values, DType::s8), doctest::Contains("floats to s8"), Error);
}

}  // namespace
}  // namespace fovea::test
