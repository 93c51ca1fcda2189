// Tensors: a shape, an element type and where the elements are.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/shape.h"
#include "runtime/vk/buffer.h"

namespace fovea {

// A handle, cheap to copy: elements one after the other, somewhere in a buffer that outlives every use
// (weights, states, inputs, results) or in a temporary of one Recorder that gets its place when recording
// ends. Kernels that read rows farther apart take a layout beside it (AttentionLayout, RowLayout).
struct Tensor {
  Shape shape;
  DType dtype = DType::f32;
  const gpu::Buffer* buffer = nullptr;  // null for temporaries
  uint64_t offset = 0;                  // bytes into the buffer or temporary
  uint32_t id = 0;                      // of a temporary, in its Recorder
  uint32_t owner = 0;                   // that Recorder's serial number; 0 with a buffer

  uint64_t bytes() const { return shape.elements() * element_bytes(dtype); }
  explicit operator bool() const { return shape.rank() != 0; }
  // The same elements under another shape; the number of elements must not change.
  Tensor reshaped(const Shape& to) const;
  // A view of some of them, as `to`, from element `first` on.
  Tensor part(uint64_t first, const Shape& to) const;
  // A view of entries first … first + count − 1 along the first dimension.
  Tensor slice(uint32_t first, uint32_t count) const;
};

// Error(usage) of an operation, for a temporary of another recorder than this one, or a tensor that does not
// lie within so many bytes.
void check_owner(const Tensor& t, uint32_t serial, const char* operation);
void check_capacity(const Tensor& t, uint64_t capacity, const char* operation);

}  // namespace fovea
