#include "runtime/vk/device.h"

#include <fmt/format.h>

#include <utility>

#include "core/hash.h"
#include "runtime/vk/device_impl.h"

namespace fovea::gpu {
namespace {

// A hash over what distinguishes one driver build on one device from another.
std::string make_cache_key(const PhysicalTraits& t) {
  Fnv1a hash;
  hash.add(t.cache_uuid.data(), t.cache_uuid.size());
  hash.add(&t.vendor_id, sizeof t.vendor_id);
  hash.add(&t.device_id, sizeof t.device_id);
  hash.add(&t.driver_version, sizeof t.driver_version);
  hash.add(t.info.name.data(), t.info.name.size());
  // The clamp and a CPU driver's vector width change what is fastest and what is compiled.
  hash.add(&t.info.subgroup_size, sizeof t.info.subgroup_size);
  hash.add(&t.info.max_invocations, sizeof t.info.max_invocations);
  return fmt::format("{:016x}", hash.value());
}

bool offers(const ::vk::raii::PhysicalDevice& physical, const char* extension) {
  for (const auto& e : physical.enumerateDeviceExtensionProperties())
    if (std::string_view(e.extensionName.data()) == extension) return true;
  return false;
}

}  // namespace

Device::Device(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Device::~Device() {
  save_pipeline_cache();
}

std::shared_ptr<Device> Device::open(std::string_view selector, const OpenOptions& options) {
  auto impl = std::make_unique<Impl>();
  const uint32_t index = impl->instance.select(selector);
  const auto& physical = impl->instance.physical(index);
  impl->traits = impl->instance.devices()[index];
  const auto& t = impl->traits;
  impl->limits = {t.storage_alignment, t.texel_alignment, t.max_texel_elements, t.max_allocation,
                  t.max_work_groups};
  impl->cache_key = make_cache_key(t);
  impl->choices = std::make_unique<Choices>(impl->cache_key);

  std::vector<const char*> extensions;
  ::vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable{.pipelineExecutableInfo = VK_TRUE};
  ::vk::PhysicalDevice16BitStorageFeatures storage{.storageBuffer16BitAccess =
                                                       t.info.fp16_storage ? VK_TRUE : VK_FALSE};
  if (options.capture_statistics && offers(physical, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME)) {
    extensions.push_back(VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
    storage.pNext = &executable;
    impl->statistics = true;
  }
  ::vk::PhysicalDeviceTimelineSemaphoreFeatures timeline{.timelineSemaphore = VK_TRUE};
  if (t.timeline) timeline.pNext = std::exchange(storage.pNext, &timeline);
  const float priority = 1.0F;
  const ::vk::DeviceQueueCreateInfo queue{
      .queueFamilyIndex = t.queue_family, .queueCount = 1, .pQueuePriorities = &priority};
  guarded("open device", [&] {
    impl->device = physical.createDevice(
        ::vk::DeviceCreateInfo{.pNext = &storage,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = static_cast<uint32_t>(extensions.size()),
                               .ppEnabledExtensionNames = extensions.data()});
    impl->queue = impl->device.getQueue(t.queue_family, 0);
    impl->cache_file = std::make_unique<PipelineCacheFile>(impl->cache_key);
    const auto saved = impl->cache_file->load();
    impl->driver_cache = impl->device.createPipelineCache(
        ::vk::PipelineCacheCreateInfo{.initialDataSize = saved.size(), .pInitialData = saved.data()});
  });
  return std::shared_ptr<Device>(new Device(std::move(impl)));
}

const DeviceInfo& Device::info() const {
  return impl_->traits.info;
}
const Limits& Device::limits() const {
  return impl_->limits;
}
const std::string& Device::cache_key() const {
  return impl_->cache_key;
}

Choices& Device::choices() {
  return *impl_->choices;
}

void Device::account(int64_t bytes) {
  const uint64_t now = impl_->memory_bytes += static_cast<uint64_t>(bytes);
  uint64_t peak = impl_->peak_memory_bytes;
  while (now > peak && !impl_->peak_memory_bytes.compare_exchange_weak(peak, now)) {
  }
}

uint64_t Device::memory_bytes() const {
  return impl_->memory_bytes;
}
uint64_t Device::peak_memory_bytes() const {
  return impl_->peak_memory_bytes;
}

}  // namespace fovea::gpu

namespace fovea {

std::vector<DeviceInfo> list_devices() {
  const gpu::Instance instance;
  std::vector<DeviceInfo> out;
  for (const auto& t : instance.devices()) out.push_back(t.info);
  return out;
}

Device Device::open(std::string_view selector) {
  return Device(gpu::Device::open(selector));
}
const DeviceInfo& Device::info() const {
  return impl_->info();
}
uint64_t Device::peak_memory_bytes() const {
  return impl_->peak_memory_bytes();
}

}  // namespace fovea
