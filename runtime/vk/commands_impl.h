// The Vulkan side of gpu::Commands, for runtime/vk/*.cpp only.
#pragma once

#include "runtime/vk/commands.h"
#include "runtime/vk/device_impl.h"
#include "runtime/vk/timeline_impl.h"

namespace fovea::gpu {

struct Commands::Impl {
  struct Submission {
    ::vk::raii::CommandBuffer commands = nullptr;
    uint32_t first_query = 0, queries = 0;
  };

  Impl(Device& d, const Options& o);
  ~Impl();

  Device& device;
  bool timed;
  ::vk::CommandBufferUsageFlags usage;
  std::vector<::vk::raii::DescriptorPool> pools;
  uint32_t sets_left = 0;
  std::vector<::vk::raii::DescriptorSet> sets;
  std::vector<::vk::raii::BufferView> views;
  ::vk::raii::QueryPool queries = nullptr;
  uint32_t next_query = 0;
  ::vk::raii::CommandPool command_pool = nullptr;  // of its own: pools are for one thread at a time
  std::vector<Submission> submissions;
  ::vk::raii::Fence fence = nullptr;
  bool pending = false, has_run = false;
  std::shared_ptr<TimelineState> timeline;  // that a run which nobody waited for yet belongs to
  uint64_t number = 0;                      // of that run

  ::vk::raii::CommandBuffer& current() { return submissions.back().commands; }
  void begin();
  void wait();
  void timestamp(::vk::PipelineStageFlagBits stage);
  ::vk::DescriptorSet allocate_set(const Pipeline& pipeline);
};

}  // namespace fovea::gpu
