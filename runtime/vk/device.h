// An opened device: queue, pipelines, memory accounting. It knows no operations.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fovea/device.h"
#include "runtime/vk/choices.h"
#include "runtime/vk/shader.h"

namespace fovea::gpu {

enum class BindingKind : uint32_t { storage, texel };  // texel: read-only, four values an element

struct PipelineKey {
  const Shader* shader;
  Variant variant;
  std::span<const uint32_t> spec;  // constant_id 0…
  std::span<const BindingKind> bindings;
  uint32_t push_bytes;
};

class Pipeline;

// One number a driver tells about a compiled pipeline, e.g. {"VGPRs", 64}.
using PipelineStatistic = std::pair<std::string, double>;

struct Limits {
  uint64_t storage_alignment, texel_alignment;  // bytes, of a binding's offset
  uint64_t max_texel_elements;
  uint64_t max_allocation;  // bytes
  std::array<uint32_t, 3> max_work_groups;
};

class Device {
 public:
  struct OpenOptions {
    bool capture_statistics = false;  // needs VK_KHR_pipeline_executable_properties
  };
  static std::shared_ptr<Device> open(std::string_view selector, const OpenOptions& options);
  static std::shared_ptr<Device> open(std::string_view selector) { return open(selector, OpenOptions{}); }
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceInfo& info() const;
  const Limits& limits() const;
  // A short name, unique to device and driver, for files that keep what was learnt about it.
  const std::string& cache_key() const;

  // The pipeline of each key, those that are not there yet compiled side by side. They live as long as the
  // device. Throws Error(unsupported) when the device cannot run one.
  std::vector<const Pipeline*> pipelines(std::span<const PipelineKey> keys);
  const Pipeline& pipeline(const PipelineKey& key) { return *pipelines({&key, 1}).front(); }
  // What the driver says about it; empty unless opened with capture_statistics.
  std::vector<PipelineStatistic> statistics(const Pipeline& pipeline) const;
  // Writes the pipeline cache to disk if it grew. Failing to write is no error: the cache is a convenience.
  void save_pipeline_cache();

  // Measured choices between kernels, by name; what they mean is the operations' business.
  Choices& choices();

  void account(int64_t bytes);  // allocations of device memory, negative when freed
  uint64_t memory_bytes() const;
  uint64_t peak_memory_bytes() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  explicit Device(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea::gpu
