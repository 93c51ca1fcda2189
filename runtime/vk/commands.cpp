#include "runtime/vk/commands.h"

#include <fmt/format.h>

#include <array>
#include <exception>

#include "runtime/vk/commands_impl.h"
#include "runtime/vk/timestamps_impl.h"

namespace fovea::gpu {
namespace {

constexpr uint32_t sets_per_pool = 64;
constexpr uint32_t bindings_per_set = 8;
constexpr uint32_t queries_per_pool = 4096;

::vk::Format vulkan_format(TexelFormat format) {
  switch (format) {
    case TexelFormat::f16:
      return ::vk::Format::eR16G16B16A16Sfloat;
    case TexelFormat::u32:
      return ::vk::Format::eR32G32B32A32Uint;
    case TexelFormat::f32:
      break;
  }
  return ::vk::Format::eR32G32B32A32Sfloat;
}

}  // namespace

Commands::Impl::Impl(Device& d, const Options& o)
    : device(d), timed(o.timestamps && d.impl().traits.timestamp_bits != 0) {
  if (o.overlapping) usage = ::vk::CommandBufferUsageFlagBits::eSimultaneousUse;
}

Commands::Impl::~Impl() {
  try {
    wait();
  } catch (const std::exception&) {
    // The device is gone; its handles may still be freed.
  }
}

void Commands::Impl::begin() {
  auto buffers = ::vk::raii::CommandBuffers(
      device.impl().device, ::vk::CommandBufferAllocateInfo{.commandPool = *command_pool,
                                                            .level = ::vk::CommandBufferLevel::ePrimary,
                                                            .commandBufferCount = 1});
  submissions.push_back({std::move(buffers.front()), next_query, 0});
  current().begin(::vk::CommandBufferBeginInfo{.flags = usage});
  if (timed && next_query < queries_per_pool)
    current().resetQueryPool(*queries, next_query, queries_per_pool - next_query);
}

void Commands::Impl::wait() {
  if (timeline) {
    timeline->wait(number);
    timeline.reset();
  }
  if (!pending) return;
  guarded("wait", [&] {
    auto& d = device.impl().device;
    const auto result = d.waitForFences(*fence, VK_TRUE, UINT64_MAX);
    if (result != ::vk::Result::eSuccess)
      throw Error(ErrorKind::device_lost, "[wait] the device did not answer");
    d.resetFences(*fence);
  });
  pending = false;  // last: what failed is still in flight, and waited for again
}

void Commands::Impl::timestamp(::vk::PipelineStageFlagBits stage) {
  if (next_query == queries_per_pool)
    throw Error(ErrorKind::unsupported, fmt::format("[profile] more than {} dispatches", queries_per_pool));
  current().writeTimestamp(stage, *queries, next_query++);
  ++submissions.back().queries;
}

::vk::DescriptorSet Commands::Impl::allocate_set(const Pipeline& pipeline) {
  auto& d = device.impl().device;
  if (sets_left == 0) {
    const std::array sizes{::vk::DescriptorPoolSize{.type = ::vk::DescriptorType::eStorageBuffer,
                                                    .descriptorCount = sets_per_pool * bindings_per_set},
                           ::vk::DescriptorPoolSize{.type = ::vk::DescriptorType::eUniformTexelBuffer,
                                                    .descriptorCount = sets_per_pool * bindings_per_set}};
    pools.push_back(d.createDescriptorPool(
        ::vk::DescriptorPoolCreateInfo{.flags = ::vk::DescriptorPoolCreateFlagBits::eFreeDescriptorSet,
                                       .maxSets = sets_per_pool,
                                       .poolSizeCount = static_cast<uint32_t>(sizes.size()),
                                       .pPoolSizes = sizes.data()}));
    sets_left = sets_per_pool;
  }
  --sets_left;
  auto made = ::vk::raii::DescriptorSets(
      d, ::vk::DescriptorSetAllocateInfo{
             .descriptorPool = *pools.back(), .descriptorSetCount = 1, .pSetLayouts = &*pipeline.set_layout});
  sets.push_back(std::move(made.front()));
  return *sets.back();
}

Commands::Commands(Device& device, const Options& options) : impl_(std::make_unique<Impl>(device, options)) {
  guarded("record", [&] {
    auto& d = device.impl().device;
    impl_->command_pool = d.createCommandPool(
        ::vk::CommandPoolCreateInfo{.queueFamilyIndex = device.impl().traits.queue_family});
    impl_->fence = d.createFence(::vk::FenceCreateInfo{});
    if (impl_->timed)
      impl_->queries = d.createQueryPool(::vk::QueryPoolCreateInfo{.queryType = ::vk::QueryType::eTimestamp,
                                                                   .queryCount = queries_per_pool});
    impl_->begin();
  });
}

Commands::~Commands() = default;
Commands::Commands(Commands&&) noexcept = default;
Commands& Commands::operator=(Commands&&) noexcept = default;

void Commands::copy(const Buffer& source, uint64_t source_offset, const Buffer& target,
                    uint64_t target_offset, uint64_t bytes) {
  impl_->current().copyBuffer(
      *source.handles().buffer, *target.handles().buffer,
      ::vk::BufferCopy{.srcOffset = source_offset, .dstOffset = target_offset, .size = bytes});
}

void Commands::clear(const Buffer& target) {
  impl_->current().fillBuffer(*target.handles().buffer, 0, VK_WHOLE_SIZE, 0);
}

void Commands::reset(const Timestamps& times) {
  if (const auto* handles = times.handles())
    impl_->current().resetQueryPool(*handles->pool, 0, handles->count);
}

void Commands::stamp(const Timestamps& times, uint32_t index) {
  const auto* handles = times.handles();
  if (handles == nullptr) return;
  auto& c = impl_->current();
  c.writeTimestamp(::vk::PipelineStageFlagBits::eBottomOfPipe, *handles->pool, index);
  if (index + 1 != handles->count) return;
  c.copyQueryPoolResults(*handles->pool, 0, handles->count, *handles->ticks->handles().buffer, 0,
                         sizeof(uint64_t), ::vk::QueryResultFlagBits::e64 | ::vk::QueryResultFlagBits::eWait);
}

void Commands::dispatch(const Pipeline& pipeline, std::span<const BindingRange> bindings,
                        std::span<const std::byte> push, const GroupCount& groups) {
  guarded("record", [&] {
    auto& d = impl_->device.impl().device;
    const ::vk::DescriptorSet set = impl_->allocate_set(pipeline);
    std::vector<::vk::DescriptorBufferInfo> ranges(bindings.size());
    std::vector<::vk::WriteDescriptorSet> writes(bindings.size());
    for (uint32_t i = 0; i < bindings.size(); ++i) {
      const auto& b = bindings[i];
      writes[i] = ::vk::WriteDescriptorSet{.dstSet = set, .dstBinding = i, .descriptorCount = 1};
      if (b.kind == BindingKind::texel) {
        impl_->views.push_back(
            d.createBufferView(::vk::BufferViewCreateInfo{.buffer = *b.buffer->handles().buffer,
                                                          .format = vulkan_format(b.format),
                                                          .offset = b.offset,
                                                          .range = b.bytes}));
        writes[i].descriptorType = ::vk::DescriptorType::eUniformTexelBuffer;
        writes[i].pTexelBufferView = &*impl_->views.back();
        d.updateDescriptorSets(writes[i], {});
      } else {
        ranges[i] = ::vk::DescriptorBufferInfo{
            .buffer = *b.buffer->handles().buffer, .offset = b.offset, .range = b.bytes};
        writes[i].descriptorType = ::vk::DescriptorType::eStorageBuffer;
        writes[i].pBufferInfo = &ranges[i];
        d.updateDescriptorSets(writes[i], {});
      }
    }
    // Behind the copies recorded before, which are no part of the first dispatch.
    if (impl_->timed && impl_->submissions.back().queries == 0)
      impl_->timestamp(::vk::PipelineStageFlagBits::eBottomOfPipe);
    auto& c = impl_->current();
    c.bindPipeline(::vk::PipelineBindPoint::eCompute, *pipeline.handle);
    c.bindDescriptorSets(::vk::PipelineBindPoint::eCompute, *pipeline.layout, 0, set, {});
    if (!push.empty())
      c.pushConstants<std::byte>(*pipeline.layout, ::vk::ShaderStageFlagBits::eCompute, 0,
                                 {static_cast<uint32_t>(push.size()), push.data()});
    c.dispatch(groups[0], groups[1], groups[2]);
    if (impl_->timed) impl_->timestamp(::vk::PipelineStageFlagBits::eComputeShader);
  });
}

void Commands::barrier() {
  using Stage = ::vk::PipelineStageFlagBits;
  using Access = ::vk::AccessFlagBits;
  const ::vk::MemoryBarrier all{.srcAccessMask = Access::eShaderWrite | Access::eTransferWrite,
                                .dstAccessMask = Access::eShaderRead | Access::eShaderWrite |
                                                 Access::eTransferRead | Access::eTransferWrite};
  impl_->current().pipelineBarrier(Stage::eComputeShader | Stage::eTransfer,
                                   Stage::eComputeShader | Stage::eTransfer, {}, all, {}, {});
}

void Commands::split() {
  guarded("record", [&] {
    barrier();
    impl_->current().end();
    impl_->begin();
  });
}

void Commands::finish() {
  using Stage = ::vk::PipelineStageFlagBits;
  using Access = ::vk::AccessFlagBits;
  guarded("record", [&] {
    // Later submissions of other sequences, and the host, see what this one wrote.
    const ::vk::MemoryBarrier end{.srcAccessMask = Access::eShaderWrite | Access::eTransferWrite,
                                  .dstAccessMask = Access::eHostRead | Access::eShaderRead |
                                                   Access::eShaderWrite | Access::eTransferRead |
                                                   Access::eTransferWrite};
    impl_->current().pipelineBarrier(Stage::eComputeShader | Stage::eTransfer,
                                     Stage::eHost | Stage::eComputeShader | Stage::eTransfer, {}, end, {},
                                     {});
    impl_->current().end();
  });
}

void Commands::submit() {
  wait();
  guarded("submit", [&] {
    auto& d = impl_->device.impl();
    const std::lock_guard lock(d.queue_mutex);
    try {
      for (size_t i = 0; i < impl_->submissions.size(); ++i) {
        const ::vk::CommandBuffer commands = *impl_->submissions[i].commands;
        const bool last = i + 1 == impl_->submissions.size();
        d.queue.submit(::vk::SubmitInfo{.commandBufferCount = 1, .pCommandBuffers = &commands},
                       last ? *impl_->fence : ::vk::Fence{});
      }
    } catch (const ::vk::SystemError&) {
      // No fence stands for what was already submitted.
      try {
        d.queue.waitIdle();
      } catch (const ::vk::SystemError&) {
        // The first failure says more.
      }
      throw;
    }
    impl_->pending = impl_->has_run = true;
  });
}

void Commands::wait() {
  impl_->wait();
}

uint32_t Commands::submissions() const {
  return static_cast<uint32_t>(impl_->submissions.size());
}

std::vector<double> Commands::dispatch_ms() const {
  std::vector<double> out;
  if (!impl_->timed || !impl_->has_run) return out;  // the queries were never written
  const auto& traits = impl_->device.impl().traits;
  for (const auto& s : impl_->submissions) {
    if (s.queries == 0) continue;
    const auto [result, ticks] = impl_->queries.getResults<uint64_t>(
        s.first_query, s.queries, s.queries * sizeof(uint64_t), sizeof(uint64_t),
        ::vk::QueryResultFlagBits::e64 | ::vk::QueryResultFlagBits::eWait);
    for (size_t i = 1; i < ticks.size(); ++i) out.push_back(ticks_ms(ticks[i - 1], ticks[i], traits));
  }
  return out;
}

}  // namespace fovea::gpu
