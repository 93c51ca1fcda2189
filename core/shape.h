// Shapes of tensors: row-major, last dimension fastest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace fovea {

// Up to four dimensions; trivially copyable.
class Shape {
 public:
  static constexpr uint32_t max_rank = 4;

  constexpr Shape() = default;
  // Throws Error(usage) for a fifth dimension; in a constant expression it does not compile.
  constexpr Shape(std::initializer_list<uint32_t> dims) {
    if (dims.size() > max_rank) refuse_rank(dims.size());
    for (const uint32_t d : dims) dims_[rank_++] = d;
  }
  constexpr uint32_t rank() const { return rank_; }
  // 0 for a dimension that it does not have.
  constexpr uint32_t operator[](uint32_t i) const { return i < rank_ ? dims_[i] : 0; }
  constexpr uint32_t last() const { return rank_ == 0 ? 1 : dims_[rank_ - 1]; }
  // Saturates instead of wrapping, so that a size check after it cannot be fooled.
  constexpr uint64_t elements() const {
    uint64_t n = 1;
    for (uint32_t i = 0; i < rank_; ++i) {
      if (dims_[i] != 0 && n > UINT64_MAX / 16 / dims_[i]) return UINT64_MAX / 16;
      n *= dims_[i];
    }
    return n;
  }
  constexpr uint64_t rows() const { return last() == 0 ? 0 : elements() / last(); }
  // The same with another first dimension.
  constexpr Shape with_first(uint32_t size) const {
    Shape out = *this;
    out.dims_[0] = size;
    return out;
  }
  constexpr bool operator==(const Shape&) const = default;

 private:
  [[noreturn]] static void refuse_rank(size_t rank);

  uint32_t rank_ = 0;
  std::array<uint32_t, max_rank> dims_{};
};

std::string to_string(const Shape& shape);  // "[197, 192]"

}  // namespace fovea
