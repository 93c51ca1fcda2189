// The device at its Vulkan minimum, opened beside the one under test: what the host writes and reads is
// copied.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "runtime/vk/device.h"

namespace fovea::test {

inline gpu::Device& clamped_device() {
  static const std::shared_ptr<gpu::Device> opened = [] {
    const char* before = std::getenv("FOVEA_CLAMP");
    const std::string saved = before == nullptr ? "" : before;
    setenv("FOVEA_CLAMP", "minimal", 1);
    auto device = gpu::Device::open("");
    setenv("FOVEA_CLAMP", saved.c_str(), 1);
    return device;
  }();
  return *opened;
}

}  // namespace fovea::test
