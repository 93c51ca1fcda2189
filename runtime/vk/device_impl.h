// The Vulkan side of gpu::Device, for runtime/vk/*.cpp only.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "runtime/vk/buffer.h"
#include "runtime/vk/device.h"
#include "runtime/vk/instance.h"
#include "runtime/vk/pipeline_cache.h"

namespace fovea::gpu {

class Pipeline {
 public:
  ::vk::raii::DescriptorSetLayout set_layout = nullptr;
  ::vk::raii::PipelineLayout layout = nullptr;
  ::vk::raii::Pipeline handle = nullptr;
  std::vector<BindingKind> bindings;
  uint32_t push_bytes = 0;
};

// A PipelineKey that owns what it is compared by.
struct PipelineId {
  explicit PipelineId(const PipelineKey& key)
      : shader(key.shader), variant(key.variant), spec(key.spec.begin(), key.spec.end()) {}
  // clang-tidy 14 takes the zero of the default for a pointer. NOLINTNEXTLINE(modernize-use-nullptr)
  auto operator<=>(const PipelineId&) const = default;

  const Shader* shader;
  Variant variant;
  std::vector<uint32_t> spec;
};

struct Buffer::Handles {
  ::vk::raii::DeviceMemory memory = nullptr;  // declared first: freed after the buffer on it
  ::vk::raii::Buffer buffer = nullptr;
};

struct Device::Impl {
  Instance instance;
  PhysicalTraits traits;
  Limits limits{};
  std::string cache_key;
  std::unique_ptr<Choices> choices;
  bool statistics = false;

  ::vk::raii::Device device = nullptr;
  ::vk::raii::Queue queue = nullptr;
  std::mutex queue_mutex;  // queues are externally synchronised
  std::mutex pipelines_mutex;
  ::vk::raii::PipelineCache driver_cache = nullptr;
  std::unique_ptr<PipelineCacheFile> cache_file;
  bool cache_grew = false;
  std::map<PipelineId, std::unique_ptr<Pipeline>> pipelines;

  std::atomic<uint64_t> memory_bytes{0}, peak_memory_bytes{0};

  uint32_t memory_type(uint32_t allowed, Memory memory) const;
};

}  // namespace fovea::gpu
