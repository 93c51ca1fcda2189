// Vulkan devices: what is there, what Fovea would use, and opening one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fovea {

namespace gpu {
class Device;
}

enum class DeviceType { discrete, integrated, virtual_gpu, cpu, other };
const char* to_string(DeviceType type);

struct DeviceInfo {
  uint32_t index = 0;  // position in list_devices(), what `Device::open("0")` takes
  std::string name;
  std::string driver;  // driver name and version
  std::string api;     // Vulkan version, "1.3.230"
  DeviceType type = DeviceType::other;
  uint64_t memory_bytes = 0;  // largest device-local heap
  uint32_t subgroup_size = 0, subgroup_min = 0, subgroup_max = 0;
  bool subgroup_shuffle = false;  // lanes of a compute subgroup can read each other's registers
  uint32_t shared_bytes = 0, max_invocations = 0;
  uint64_t max_storage_range = 0;  // bytes that one storage-buffer binding may span
  bool fp16_storage = false, fp16_arithmetic = false;
  bool unified_memory = false;     // device-local memory is host-visible
  std::string cooperative_matrix;  // "none", "KHR", "NV" or "KHR+NV"
  bool usable = false;
  std::string why_not;  // one clause per missing requirement; empty when usable
};

// Every Vulkan device the loader knows, usable or not. Empty when there is none.
// Throws Error(no_device) when the Vulkan loader itself cannot start.
std::vector<DeviceInfo> list_devices();

// A device opened for compute. Cheap to copy: copies share the device.
class Device {
 public:
  // selector: "" picks the best real GPU, a CPU driver only when there is none; otherwise an index from
  // list_devices() or part of a name, case-insensitive. FOVEA_CLAMP=minimal in the environment makes the
  // device report the Vulkan minimum.
  // Throws Error(no_device) with the reason for each rejected device, Error(usage) for an unknown selector.
  static Device open(std::string_view selector = "");

  const DeviceInfo& info() const;
  // Largest number of bytes of device memory this process held at once.
  uint64_t peak_memory_bytes() const;
  // Measured arithmetic peak (independent fused multiply-adds, fp32), in GFLOP/s. Takes a moment.
  double measure_peak_gflops() const;

  gpu::Device& impl() const { return *impl_; }

 private:
  explicit Device(std::shared_ptr<gpu::Device> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<gpu::Device> impl_;
};

}  // namespace fovea
