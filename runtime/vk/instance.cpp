#include "runtime/vk/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace fovea {

const char* to_string(DeviceType type) {
  switch (type) {
    case DeviceType::discrete:
      return "discrete GPU";
    case DeviceType::integrated:
      return "integrated GPU";
    case DeviceType::virtual_gpu:
      return "virtual GPU";
    case DeviceType::cpu:
      return "CPU driver";
    case DeviceType::other:
      break;
  }
  return "other";
}

}  // namespace fovea

namespace fovea::gpu {
namespace {

constexpr uint32_t required_api = VK_API_VERSION_1_1;

std::string version_text(uint32_t v) {
  return fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(v), VK_API_VERSION_MINOR(v), VK_API_VERSION_PATCH(v));
}

::vk::raii::Instance make_instance(const ::vk::raii::Context& context) {
  const ::vk::ApplicationInfo application{
      .pApplicationName = "fovea", .pEngineName = "fovea", .apiVersion = VK_API_VERSION_1_2};
  return guarded("vulkan instance", [&] {
    return ::vk::raii::Instance(context, ::vk::InstanceCreateInfo{.pApplicationInfo = &application});
  });
}

DeviceType device_type(::vk::PhysicalDeviceType type) {
  switch (type) {
    case ::vk::PhysicalDeviceType::eDiscreteGpu:
      return DeviceType::discrete;
    case ::vk::PhysicalDeviceType::eIntegratedGpu:
      return DeviceType::integrated;
    case ::vk::PhysicalDeviceType::eVirtualGpu:
      return DeviceType::virtual_gpu;
    case ::vk::PhysicalDeviceType::eCpu:
      return DeviceType::cpu;
    default:
      return DeviceType::other;
  }
}

bool has_extension(const std::vector<::vk::ExtensionProperties>& extensions, std::string_view name) {
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](const auto& e) { return name == e.extensionName.data(); });
}

// The Vulkan minimum, for testing that no kernel takes more for granted.
void clamp_to_minimum(PhysicalTraits& t) {
  t.info.fp16_storage = t.info.fp16_arithmetic = t.info.subgroup_shuffle = false;
  t.info.cooperative_matrix = "none";
  t.info.subgroup_size = t.info.subgroup_min = t.info.subgroup_max = 1;
  t.info.shared_bytes = 16 * 1024;
  t.info.max_invocations = 128;
  t.info.max_storage_range = 128ULL << 20;
  t.max_push_bytes = 128;
  t.max_texel_elements = 65536;
  t.storage_alignment = t.texel_alignment = 256;
  t.max_allocation = 1ULL << 30;
  t.max_work_groups = {65535, 65535, 65535};
  t.timeline = false;
  t.info.unified_memory = false;  // inputs, weights and results are copied
}

bool clamp_requested() {
  const char* clamp = std::getenv("FOVEA_CLAMP");
  if (clamp == nullptr || *clamp == '\0') return false;
  if (std::string_view(clamp) != "minimal")
    throw Error(ErrorKind::usage,
                fmt::format("FOVEA_CLAMP={} is unknown; the only value is 'minimal'", clamp));
  return true;
}

using Extensions = std::vector<::vk::ExtensionProperties>;

void describe_limits(const ::vk::PhysicalDeviceProperties& core, PhysicalTraits& t) {
  t.timestamp_ns = core.limits.timestampPeriod;
  t.storage_alignment = core.limits.minStorageBufferOffsetAlignment;
  t.texel_alignment = core.limits.minTexelBufferOffsetAlignment;
  t.max_texel_elements = core.limits.maxTexelBufferElements;
  t.max_push_bytes = core.limits.maxPushConstantsSize;
  std::copy_n(core.limits.maxComputeWorkGroupCount.begin(), 3, t.max_work_groups.begin());
  t.info.shared_bytes = core.limits.maxComputeSharedMemorySize;
  t.info.max_invocations =
      std::min(core.limits.maxComputeWorkGroupInvocations, core.limits.maxComputeWorkGroupSize[0]);
  t.info.max_storage_range = core.limits.maxStorageBufferRange;
}

void describe_memory(const ::vk::raii::PhysicalDevice& device, PhysicalTraits& t) {
  const auto memory = device.getMemoryProperties();
  for (uint32_t i = 0; i < memory.memoryHeapCount; ++i)
    if (memory.memoryHeaps[i].flags & ::vk::MemoryHeapFlagBits::eDeviceLocal)
      t.info.memory_bytes = std::max<uint64_t>(t.info.memory_bytes, memory.memoryHeaps[i].size);
  using Flag = ::vk::MemoryPropertyFlagBits;
  // Unified: the largest device-local heap itself can be mapped, not only a small window onto it.
  for (uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
    const auto& type = memory.memoryTypes[i];
    const auto wanted = Flag::eDeviceLocal | Flag::eHostVisible | Flag::eHostCoherent;
    if ((type.propertyFlags & wanted) == wanted &&
        memory.memoryHeaps[type.heapIndex].size == t.info.memory_bytes)
      t.info.unified_memory = true;
  }
}

// What Vulkan 1.1 can be asked.
void describe_properties(const ::vk::raii::PhysicalDevice& device, uint32_t api, const Extensions& extensions,
                         PhysicalTraits& t) {
  // Only structs that the device knows may be chained.
  ::vk::PhysicalDeviceSubgroupProperties subgroup;
  ::vk::PhysicalDeviceMaintenance3Properties maintenance{.pNext = &subgroup};
  ::vk::PhysicalDeviceDriverProperties driver;
  ::vk::PhysicalDeviceSubgroupSizeControlProperties control;
  ::vk::PhysicalDeviceProperties2 all{.pNext = &maintenance};
  if (api >= VK_API_VERSION_1_2 || has_extension(extensions, "VK_KHR_driver_properties"))
    driver.pNext = std::exchange(all.pNext, &driver);
  if (api >= VK_API_VERSION_1_3 || has_extension(extensions, "VK_EXT_subgroup_size_control"))
    control.pNext = std::exchange(all.pNext, &control);
  (*device).getProperties2(&all, *device.getDispatcher());
  t.max_allocation = maintenance.maxMemoryAllocationSize;
  t.info.subgroup_size = t.info.subgroup_min = t.info.subgroup_max = subgroup.subgroupSize;
  t.info.subgroup_shuffle = (subgroup.supportedStages & ::vk::ShaderStageFlagBits::eCompute) &&
                            (subgroup.supportedOperations & ::vk::SubgroupFeatureFlagBits::eShuffle);
  if (control.minSubgroupSize != 0) {
    t.info.subgroup_min = control.minSubgroupSize;
    t.info.subgroup_max = control.maxSubgroupSize;
  }
  if (driver.driverName[0] != '\0')
    t.info.driver = fmt::format("{} {}", driver.driverName.data(), driver.driverInfo.data());
}

void describe_features(const ::vk::raii::PhysicalDevice& device, uint32_t api, PhysicalTraits& t) {
  const auto features =
      device.getFeatures2<::vk::PhysicalDeviceFeatures2, ::vk::PhysicalDevice16BitStorageFeatures>();
  t.info.fp16_storage =
      features.get<::vk::PhysicalDevice16BitStorageFeatures>().storageBuffer16BitAccess == VK_TRUE;
  if (api < VK_API_VERSION_1_2) return;
  const auto arithmetic =
      device.getFeatures2<::vk::PhysicalDeviceFeatures2, ::vk::PhysicalDeviceShaderFloat16Int8Features>();
  t.info.fp16_arithmetic =
      arithmetic.get<::vk::PhysicalDeviceShaderFloat16Int8Features>().shaderFloat16 == VK_TRUE;
  const auto semaphores =
      device.getFeatures2<::vk::PhysicalDeviceFeatures2, ::vk::PhysicalDeviceTimelineSemaphoreFeatures>();
  t.timeline = semaphores.get<::vk::PhysicalDeviceTimelineSemaphoreFeatures>().timelineSemaphore == VK_TRUE;
}

// The first queue family that computes.
bool find_queue(const ::vk::raii::PhysicalDevice& device, PhysicalTraits& t) {
  const auto families = device.getQueueFamilyProperties();
  for (uint32_t i = 0; i < families.size(); ++i)
    if (families[i].queueFlags & ::vk::QueueFlagBits::eCompute) {
      t.queue_family = i;
      t.timestamp_bits = families[i].timestampValidBits;
      return true;
    }
  return false;
}

PhysicalTraits describe(const ::vk::raii::PhysicalDevice& device, uint32_t index) {
  PhysicalTraits t;
  const auto core = device.getProperties();
  t.info.index = index;
  t.info.name = core.deviceName.data();
  t.info.api = version_text(core.apiVersion);
  t.info.type = device_type(core.deviceType);
  t.vendor_id = core.vendorID;
  t.device_id = core.deviceID;
  t.driver_version = core.driverVersion;
  std::copy(core.pipelineCacheUUID.begin(), core.pipelineCacheUUID.end(), t.cache_uuid.begin());
  describe_limits(core, t);
  describe_memory(device, t);

  const Extensions extensions = device.enumerateDeviceExtensionProperties();
  const bool khr = has_extension(extensions, "VK_KHR_cooperative_matrix");
  const bool nv = has_extension(extensions, "VK_NV_cooperative_matrix");
  t.info.cooperative_matrix = khr && nv ? "KHR+NV" : khr ? "KHR" : nv ? "NV" : "none";

  if (core.apiVersion < required_api) {
    t.info.why_not = fmt::format("Vulkan {} is older than 1.1", t.info.api);
  } else {
    describe_properties(device, core.apiVersion, extensions, t);
    describe_features(device, core.apiVersion, t);
  }
  if (t.info.driver.empty()) t.info.driver = fmt::format("driver {:#x}", core.driverVersion);

  if (!find_queue(device, t))
    t.info.why_not += fmt::format("{}no compute queue", t.info.why_not.empty() ? "" : "; ");
  t.info.usable = t.info.why_not.empty();
  if (clamp_requested()) clamp_to_minimum(t);
  return t;
}

int rank(DeviceType type) {
  switch (type) {
    case DeviceType::discrete:
      return 4;
    case DeviceType::virtual_gpu:
      return 3;
    case DeviceType::integrated:
      return 2;
    case DeviceType::other:
      return 1;
    case DeviceType::cpu:
      break;
  }
  return 0;
}

std::string lowered(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

Instance::Instance() try : context_(), instance_(make_instance(context_)) {
  auto found = guarded("vulkan devices", [&] { return ::vk::raii::PhysicalDevices(instance_); });
  for (auto& device : found) {
    traits_.push_back(describe(device, static_cast<uint32_t>(physical_.size())));
    physical_.push_back(std::move(device));
  }
} catch (const Error&) {
  throw;
} catch (const std::runtime_error& error) {
  throw Error(
      ErrorKind::no_device,
      fmt::format("[vulkan] the Vulkan loader cannot start ({}): install libvulkan1 and a driver such as "
                  "mesa-vulkan-drivers",
                  error.what()));
}

uint32_t Instance::select(std::string_view selector) const {
  std::string rejected;
  for (const auto& t : traits_)
    if (!t.info.usable)
      rejected +=
          fmt::format("{}{} {}: {}", rejected.empty() ? "" : "; ", t.info.index, t.info.name, t.info.why_not);
  if (traits_.empty())
    throw Error(ErrorKind::no_device,
                "[device] no Vulkan device: install a GPU driver, or mesa-vulkan-drivers to run on the CPU");

  // A number is an index where there is such a device, else part of a name, as in "4090".
  std::vector<const PhysicalTraits*> matching;
  uint32_t number = 0;
  const auto [end, code] = std::from_chars(selector.data(), selector.data() + selector.size(), number);
  const bool is_index = !selector.empty() && code == std::errc() &&
                        end == selector.data() + selector.size() && number < traits_.size();
  for (const auto& t : traits_)
    if (is_index ? t.info.index == number : lowered(t.info.name).find(lowered(selector)) != std::string::npos)
      matching.push_back(&t);
  if (matching.empty()) {
    std::string names;
    for (const auto& t : traits_)
      names += fmt::format("{}{} {}", names.empty() ? "" : ", ", t.info.index, t.info.name);
    throw Error(ErrorKind::usage,
                fmt::format("[device] no device matches '{}'; there are {}", selector, names));
  }
  const PhysicalTraits* best = nullptr;
  for (const auto* t : matching) {
    if (!t->info.usable) continue;
    const auto key = [](const PhysicalTraits& p) {
      return std::pair(rank(p.info.type), p.info.memory_bytes);
    };
    if (best == nullptr || key(*t) > key(*best)) best = t;
  }
  if (best == nullptr)
    throw Error(ErrorKind::no_device, fmt::format("[device] no usable device; rejected: {}", rejected));
  return best->info.index;
}

}  // namespace fovea::gpu
