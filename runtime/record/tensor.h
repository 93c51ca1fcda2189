// Tensors: a shape, an element type and where the elements are.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/shape.h"
#include "runtime/vk/buffer.h"

namespace fovea {

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
