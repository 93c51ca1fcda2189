// The Vulkan side of gpu::Timestamps, for runtime/vk/*.cpp only.
#pragma once

#include "runtime/vk/buffer.h"
#include "runtime/vk/timestamps.h"
#include "runtime/vk/vulkan.h"

namespace fovea::gpu {

struct PhysicalTraits;

struct Timestamps::Handles {
  ::vk::raii::QueryPool pool = nullptr;
  uint32_t count = 0;
  // The last stamp copies all here: asked for a pool's results, lavapipe waits until the device idles, and
  // with it for the frames behind this one.
  std::unique_ptr<Buffer> ticks;
};

// What of a device's counter is valid, and how long one step takes.
double ticks_ms(uint64_t from, uint64_t to, const PhysicalTraits& traits);

}  // namespace fovea::gpu
