// Device memory with one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace fovea::gpu {

class Device;

enum class Memory {
  device,    // fastest for kernels; mapped as well where memory is unified
  upload,    // the host writes, the device reads
  readback,  // the device writes, the host reads
};

class Buffer {
 public:
  // Throws Error(out_of_device_memory) naming the size that was asked for.
  Buffer(Device& device, uint64_t bytes, Memory memory);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  uint64_t size() const { return bytes_; }
  std::byte* mapped() const { return mapped_; }  // nullptr where the host cannot see it; coherent

  struct Handles;
  const Handles& handles() const { return *handles_; }

 private:
  Device& device_;
  uint64_t bytes_;
  std::byte* mapped_ = nullptr;
  std::unique_ptr<Handles> handles_;
};

}  // namespace fovea::gpu
