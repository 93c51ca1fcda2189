// A model's weights on the device: many tensors in few buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "runtime/record/tensor.h"
#include "runtime/vk/buffer.h"
#include "runtime/vk/device.h"

namespace fovea {

class WeightStore {
 public:
  // storage: type of matrices; vectors (bias, gamma, tables) stay f32, they are few and set the precision.
  // expected: bytes that will be added, about; 0 where nobody knows.
  WeightStore(gpu::Device& device, DType storage, uint64_t expected = 0)
      : device_(device), storage_(storage), expected_(expected) {}

  Tensor matrix(std::span<const float> values, const Shape& shape) { return add(values, shape, storage_); }
  Tensor vector(std::span<const float> values, const Shape& shape) { return add(values, shape, DType::f32); }
  // Row numbers for ops::gather_rows, [values].
  Tensor table(std::span<const uint32_t> values);
  // Sends what was added to the device; tensors may be used afterwards, and more added.
  void finish();

  DType storage() const { return storage_; }
  uint64_t bytes() const { return bytes_; }  // of the device's memory, what is not used yet too
  uint64_t largest() const { return device_.info().max_storage_range; }  // bytes of a tensor

 private:
  Tensor add(std::span<const float> values, const Shape& shape, DType dtype);
  // Room for a tensor, and where its bytes go until flush().
  std::pair<Tensor, std::byte*> place(const Shape& shape, DType dtype);
  void flush();

  gpu::Device& device_;
  DType storage_;
  uint64_t expected_;
  std::vector<std::unique_ptr<gpu::Buffer>> buffers_;
  std::vector<std::byte> staged_;    // contents of the last buffer from flushed_ on, until flush()
  uint64_t used_ = 0, flushed_ = 0;  // bytes of the last buffer
  uint64_t bytes_ = 0;
};

}  // namespace fovea
