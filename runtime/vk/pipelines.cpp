// Device's pipelines: compiling, statistics, keeping them on disk.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>

#include "runtime/vk/device_impl.h"

namespace fovea::gpu {
namespace {

std::unique_ptr<Pipeline> make_pipeline(const Device::Impl& impl, const PipelineKey& key) {
  if (key.push_bytes > impl.traits.max_push_bytes)
    throw Error(ErrorKind::unsupported,
                fmt::format("[{}] needs {} bytes of push constants, the device offers {}", key.shader->name,
                            key.push_bytes, impl.traits.max_push_bytes));
  const Module* module_of = key.shader->find(key.variant);
  if (module_of == nullptr)
    throw Error(ErrorKind::unsupported, fmt::format("[{}] is not compiled for {} storage", key.shader->name,
                                                    to_string(key.variant.storage)));

  auto made = std::make_unique<Pipeline>();
  made->bindings.assign(key.bindings.begin(), key.bindings.end());
  made->push_bytes = key.push_bytes;
  std::vector<::vk::DescriptorSetLayoutBinding> bindings;
  for (uint32_t i = 0; i < key.bindings.size(); ++i)
    bindings.push_back({.binding = i,
                        .descriptorType = key.bindings[i] == BindingKind::texel
                                              ? ::vk::DescriptorType::eUniformTexelBuffer
                                              : ::vk::DescriptorType::eStorageBuffer,
                        .descriptorCount = 1,
                        .stageFlags = ::vk::ShaderStageFlagBits::eCompute});
  std::vector<::vk::SpecializationMapEntry> entries;
  for (uint32_t i = 0; i < key.spec.size(); ++i) entries.push_back({i, i * 4, 4});
  const ::vk::SpecializationInfo specialization{.mapEntryCount = static_cast<uint32_t>(entries.size()),
                                                .pMapEntries = entries.data(),
                                                .dataSize = key.spec.size_bytes(),
                                                .pData = key.spec.data()};
  guarded(key.shader->name, [&] {
    made->set_layout = impl.device.createDescriptorSetLayout(::vk::DescriptorSetLayoutCreateInfo{
        .bindingCount = static_cast<uint32_t>(bindings.size()), .pBindings = bindings.data()});
    const ::vk::PushConstantRange push{.stageFlags = ::vk::ShaderStageFlagBits::eCompute,
                                       .size = key.push_bytes};
    made->layout = impl.device.createPipelineLayout(
        ::vk::PipelineLayoutCreateInfo{.setLayoutCount = 1,
                                       .pSetLayouts = &*made->set_layout,
                                       .pushConstantRangeCount = key.push_bytes != 0 ? 1U : 0U,
                                       .pPushConstantRanges = &push});
    const auto module = impl.device.createShaderModule(::vk::ShaderModuleCreateInfo{
        .codeSize = module_of->code.size_bytes(), .pCode = module_of->code.data()});
    ::vk::PipelineCreateFlags flags{};
    if (impl.statistics) flags |= ::vk::PipelineCreateFlagBits::eCaptureStatisticsKHR;
    made->handle = impl.device.createComputePipeline(
        impl.driver_cache,
        ::vk::ComputePipelineCreateInfo{.flags = flags,
                                        .stage = {.stage = ::vk::ShaderStageFlagBits::eCompute,
                                                  .module = *module,
                                                  .pName = "main",
                                                  .pSpecializationInfo = &specialization},
                                        .layout = *made->layout});
  });
  return made;
}

struct Missing {
  const PipelineKey* key;
  std::unique_ptr<Pipeline>* slot;
};

// On as many threads as there are processors: drivers compile each on the thread that asks.
void compile_all(const Device::Impl& impl, std::span<const Missing> missing) {
  std::atomic<size_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (size_t i = next++; i < missing.size(); i = next++) {
      try {
        *missing[i].slot = make_pipeline(impl, *missing[i].key);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        failure = std::current_exception();
        next = missing.size();
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    const size_t threads = std::min<size_t>(std::thread::hardware_concurrency(), missing.size());
    try {
      while (helpers.size() + 1 < threads) helpers.emplace_back(work);
    } catch (const std::system_error&) {
      // No further threads: those there are do it all.
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

std::vector<const Pipeline*> Device::pipelines(std::span<const PipelineKey> keys) {
  auto& impl = *impl_;
  const std::lock_guard lock(impl.pipelines_mutex);
  std::vector<std::unique_ptr<Pipeline>*> slots;  // a map's elements stay where they are
  std::vector<Missing> missing;
  for (const PipelineKey& key : keys) {
    auto* slot = &impl.pipelines[PipelineId(key)];
    slots.push_back(slot);
    const auto same = [&](const Missing& other) { return other.slot == slot; };
    if (!*slot && std::none_of(missing.begin(), missing.end(), same)) missing.push_back({&key, slot});
  }
  if (!missing.empty()) {
    impl.cache_grew = true;
    compile_all(impl, missing);
  }
  std::vector<const Pipeline*> out;
  for (const auto* slot : slots) out.push_back(slot->get());
  return out;
}

std::vector<PipelineStatistic> Device::statistics(const Pipeline& pipeline) const {
  std::vector<PipelineStatistic> out;
  if (!impl_->statistics) return out;
  const auto stats = impl_->device.getPipelineExecutableStatisticsKHR(
      ::vk::PipelineExecutableInfoKHR{.pipeline = *pipeline.handle, .executableIndex = 0});
  for (const auto& s : stats) {
    using Format = ::vk::PipelineExecutableStatisticFormatKHR;
    const double value = s.format == Format::eBool32   ? s.value.b32
                         : s.format == Format::eInt64  ? static_cast<double>(s.value.i64)
                         : s.format == Format::eUint64 ? static_cast<double>(s.value.u64)
                                                       : s.value.f64;
    out.emplace_back(s.name.data(), value);
  }
  return out;
}

void Device::save_pipeline_cache() {
  const std::lock_guard lock(impl_->pipelines_mutex);
  if (!impl_->cache_grew) return;
  impl_->cache_grew = false;
  try {
    impl_->cache_file->save(impl_->driver_cache.getData());
  } catch (const std::exception&) {
    // A cache that cannot be kept costs time at the next start, nothing else.
  }
}

}  // namespace fovea::gpu
