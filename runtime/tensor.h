// Tensors: a shape, an element type and where the elements are. Row-major, last dimension fastest.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "runtime/vk/buffer.h"

namespace fovea {

enum class DType : uint32_t { f32, f16, u32 };

constexpr uint32_t element_bytes(DType dtype) {
  return dtype == DType::f16 ? 2 : 4;
}
const char* to_string(DType dtype);

// Up to four dimensions; trivially copyable.
class Shape {
 public:
  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<uint32_t> dims) {
    for (const uint32_t d : dims) dims_[rank_++] = d;
  }
  constexpr uint32_t rank() const { return rank_; }
  constexpr uint32_t operator[](uint32_t i) const { return dims_[i]; }
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
  constexpr bool operator==(const Shape&) const = default;

 private:
  uint32_t rank_ = 0;
  std::array<uint32_t, 4> dims_{};
};

std::string to_string(const Shape& shape);  // "[197, 192]"

// A handle, cheap to copy. Either elements of a buffer that outlives every use (weights, inputs, results), or
// a temporary of one Recorder that gets its place when recording ends.
struct Tensor {
  Shape shape;
  DType dtype = DType::f32;
  const gpu::Buffer* buffer = nullptr;  // null for temporaries
  uint64_t offset = 0;                  // bytes into the buffer
  uint32_t id = 0;                      // of a temporary, in its Recorder
  uint32_t owner = 0;                   // that Recorder's serial number; 0 with a buffer

  uint64_t bytes() const { return shape.elements() * element_bytes(dtype); }
  explicit operator bool() const { return shape.rank() != 0; }
  // The same elements under another shape; the number of elements must not change.
  Tensor reshaped(const Shape& to) const;
};

}  // namespace fovea
