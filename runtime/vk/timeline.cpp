#include "runtime/vk/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "runtime/vk/commands_impl.h"

namespace fovea::gpu {

TimelineState::TimelineState(Device& d) : device(d) {
  if (!d.impl().traits.timeline) return;
  guarded("timeline", [&] {
    const ::vk::SemaphoreTypeCreateInfo type{.semaphoreType = ::vk::SemaphoreType::eTimeline};
    semaphore = device.impl().device.createSemaphore(::vk::SemaphoreCreateInfo{.pNext = &type});
  });
}

// The queue runs submissions in order, so that what is done says it of all before.
void TimelineState::pass(uint64_t number) {
  passed = std::max(passed, number);
  while (!fences.empty() && fences.begin()->first <= number) {
    spare.push_back(std::move(fences.begin()->second));
    fences.erase(fences.begin());
  }
}

bool TimelineState::done(uint64_t number, uint64_t wait_ns) {
  if (number <= passed) return true;
  const auto result = guarded("wait", [&] {
    auto& d = device.impl().device;
    return *semaphore ? d.waitSemaphores(
                            ::vk::SemaphoreWaitInfo{
                                .semaphoreCount = 1, .pSemaphores = &*semaphore, .pValues = &number},
                            wait_ns)
                      : d.waitForFences(*fences.at(number), VK_TRUE, wait_ns);
  });
  if (result != ::vk::Result::eSuccess) return false;
  pass(number);
  return true;
}

void TimelineState::wait(uint64_t number) {
  if (!done(number, UINT64_MAX)) throw Error(ErrorKind::device_lost, "[wait] the device did not answer");
}

void TimelineState::submit(const std::vector<std::vector<::vk::CommandBuffer>>& batches) {
  const uint64_t number = last + 1;
  std::vector<::vk::SubmitInfo> infos;
  for (const auto& batch : batches)
    infos.push_back(
        {.commandBufferCount = static_cast<uint32_t>(batch.size()), .pCommandBuffers = batch.data()});
  guarded("submit", [&] {
    auto& d = device.impl();
    ::vk::raii::Fence fence = nullptr;
    if (!*semaphore) {
      if (spare.empty()) spare.push_back(d.device.createFence(::vk::FenceCreateInfo{}));
      fence = std::move(spare.back());
      spare.pop_back();
      d.device.resetFences(*fence);
    }
    const ::vk::TimelineSemaphoreSubmitInfo value{.signalSemaphoreValueCount = 1,
                                                  .pSignalSemaphoreValues = &number};
    if (*semaphore) {
      infos.back().pNext = &value;
      infos.back().signalSemaphoreCount = 1;
      infos.back().pSignalSemaphores = &*semaphore;
    }
    const std::lock_guard lock(d.queue_mutex);
    d.queue.submit(infos, *fence);
    if (*fence) fences.emplace(number, std::move(fence));
  });
  last = number;
}

Timeline::Timeline(Device& device) : state_(std::make_shared<TimelineState>(device)) {}

Timeline::~Timeline() {
  try {
    state_->wait(state_->last);
  } catch (const std::exception&) {
    // The device is gone; its handles may still be freed.
  }
}

uint64_t Timeline::submit(std::span<const Sequence> sequences) {
  // A sequence that was cut, so that no submission runs for seconds, ends the batch that it is in.
  std::vector<std::vector<::vk::CommandBuffer>> batches(1);
  for (const Sequence& sequence : sequences) {
    Commands::Impl& c = *sequence.commands->impl_;
    if (!(c.usage & ::vk::CommandBufferUsageFlagBits::eSimultaneousUse)) c.wait();
    const uint64_t end = std::min<uint64_t>(uint64_t{sequence.first} + sequence.count, c.submissions.size());
    for (size_t i = sequence.first; i < end; ++i) {
      if (i != sequence.first) batches.emplace_back();
      batches.back().push_back(*c.submissions[i].commands);
    }
  }
  state_->submit(batches);
  for (const Sequence& sequence : sequences) {
    Commands::Impl& c = *sequence.commands->impl_;
    c.timeline = state_;
    c.number = state_->last;
    c.has_run = true;
  }
  return state_->last;
}

bool Timeline::done(uint64_t number, std::chrono::nanoseconds wait) const {
  return state_->done(number, static_cast<uint64_t>(std::max<int64_t>(0, wait.count())));
}

void Timeline::wait(uint64_t number) {
  if (number > state_->last)
    throw Error(ErrorKind::usage,
                fmt::format("[wait] submission {} of a timeline with {}", number, state_->last));
  state_->wait(number);
}

}  // namespace fovea::gpu
