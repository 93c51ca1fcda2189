#include <fmt/format.h>

#include "runtime/vk/vulkan.h"

namespace fovea::gpu {

void throw_vulkan_error(const char* operation, const ::vk::SystemError& error) {
  switch (static_cast<::vk::Result>(error.code().value())) {
    case ::vk::Result::eErrorOutOfDeviceMemory:
      throw Error(
          ErrorKind::out_of_device_memory,
          fmt::format("[{}] the device is out of memory: use a smaller batch or input size, fp16 storage, "
                      "or another device",
                      operation));
    case ::vk::Result::eErrorOutOfHostMemory:
      throw Error(ErrorKind::out_of_host_memory,
                  fmt::format("[{}] the host is out of memory: use a smaller batch or close other programs",
                              operation));
    case ::vk::Result::eErrorDeviceLost:
      throw Error(
          ErrorKind::device_lost,
          fmt::format("[{}] the device was lost (reset by its driver or unplugged): run again, and if it "
                      "stays, update the driver or choose another device",
                      operation));
    case ::vk::Result::eErrorFeatureNotPresent:
    case ::vk::Result::eErrorExtensionNotPresent:
    case ::vk::Result::eErrorFormatNotSupported:
      throw Error(
          ErrorKind::unsupported,
          fmt::format("[{}] the device lacks a feature ({}): update its driver or choose another device",
                      operation, error.what()));
    case ::vk::Result::eErrorIncompatibleDriver:
    case ::vk::Result::eErrorInitializationFailed:
      throw Error(ErrorKind::no_device,
                  fmt::format("[{}] Vulkan cannot start ({}): install a Vulkan driver, e.g. the package "
                              "mesa-vulkan-drivers",
                              operation, error.what()));
    default:
      throw Error(ErrorKind::unsupported, fmt::format("[{}] the driver failed: {}", operation, error.what()));
  }
}

}  // namespace fovea::gpu
