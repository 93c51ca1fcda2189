// The Vulkan side of gpu::Timeline, for runtime/vk/*.cpp only.
#pragma once

#include <map>
#include <memory>

#include "runtime/vk/device_impl.h"
#include "runtime/vk/timeline.h"

namespace fovea::gpu {

// A timeline semaphore where the device has them, else a fence a submission.
struct TimelineState {
  explicit TimelineState(Device& device);

  Device& device;
  ::vk::raii::Semaphore semaphore = nullptr;
  std::map<uint64_t, ::vk::raii::Fence> fences;  // of submissions that nobody waited for yet
  std::vector<::vk::raii::Fence> spare;
  uint64_t last = 0;    // submitted
  uint64_t passed = 0;  // known to be done

  bool done(uint64_t number, uint64_t wait_ns);
  void wait(uint64_t number);
  void submit(const std::vector<std::vector<::vk::CommandBuffer>>& batches);
  void pass(uint64_t number);
};

}  // namespace fovea::gpu
