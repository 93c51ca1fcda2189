// The Vulkan instance and the devices it sees, described and judged.
#pragma once

#include <array>

#include "fovea/device.h"
#include "runtime/vk/vulkan.h"

namespace fovea::gpu {

// What a physical device offers beyond the public description.
struct PhysicalTraits {
  DeviceInfo info;
  uint32_t queue_family = 0;
  uint32_t timestamp_bits = 0;
  double timestamp_ns = 1;
  bool timeline = false;                                    // timeline semaphores
  uint64_t storage_alignment = 256, texel_alignment = 256;  // bytes, of a binding's offset
  uint64_t max_texel_elements = 65536;
  uint32_t max_push_bytes = 128;
  uint64_t max_allocation = 1ULL << 30;  // bytes
  std::array<uint32_t, 3> max_work_groups{65535, 65535, 65535};
  std::array<uint8_t, VK_UUID_SIZE> cache_uuid{};
  uint32_t vendor_id = 0, device_id = 0, driver_version = 0;
};

class Instance {
 public:
  Instance();

  const std::vector<PhysicalTraits>& devices() const { return traits_; }
  const ::vk::raii::PhysicalDevice& physical(uint32_t index) const { return physical_[index]; }
  // The index of the device to use; throws Error(no_device | usage) saying why each other one was rejected.
  uint32_t select(std::string_view selector) const;

 private:
  ::vk::raii::Context context_;
  ::vk::raii::Instance instance_;
  std::vector<::vk::raii::PhysicalDevice> physical_;
  std::vector<PhysicalTraits> traits_;
};

}  // namespace fovea::gpu
