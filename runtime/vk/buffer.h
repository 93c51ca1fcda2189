// Device memory with one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace fovea::gpu {

class Device;

enum class Memory {
  device,    // fastest for kernels; mapped as well where the host sees all of it
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

  const Device& device() const { return device_; }
  uint64_t size() const { return bytes_; }
  std::byte* mapped() const { return mapped_; }  // nullptr where the host cannot see it; coherent
  // Whether the host reads mapped() at full speed. Uncached memory (a discrete GPU's behind a resizable BAR)
  // is for writing only.
  bool cached() const { return cached_; }

  struct Handles;
  const Handles& handles() const { return *handles_; }

 private:
  Device& device_;
  uint64_t bytes_;
  int64_t accounted_ = 0;  // device memory that was allocated; none for staging
  std::byte* mapped_ = nullptr;
  bool cached_ = false;
  std::unique_ptr<Handles> handles_;
};

}  // namespace fovea::gpu
