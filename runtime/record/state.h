// What outlives a run.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "runtime/record/tensor.h"
#include "runtime/vk/buffer.h"

namespace fovea {

// Elements that programs find as other runs left them: caches of keys and values, hidden states, moments of
// an optimiser. Any program of the device may read and write the tensor, or views of it; the state must
// outlive them. Runs and what the host does here take effect in the order in which they are submitted and
// called.
class State {
 public:
  State(gpu::Device& device, const Shape& shape, DType dtype);  // zeros

  const Tensor& tensor() const { return tensor_; }
  void zero();
  // Of the whole or of a view of it. Sizes must match the tensor's.
  void write(const Tensor& part, std::span<const std::byte> bytes);
  void read(const Tensor& part, std::span<std::byte> bytes) const;
  void write(std::span<const std::byte> bytes) { write(tensor_, bytes); }
  void read(std::span<std::byte> bytes) const { read(tensor_, bytes); }

 private:
  void check_part(const Tensor& part, size_t bytes, const char* operation) const;

  gpu::Device& device_;
  std::unique_ptr<gpu::Buffer> buffer_;
  Tensor tensor_;
};

}  // namespace fovea
