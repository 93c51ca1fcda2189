#include "runtime/vk/buffer.h"

#include <fmt/format.h>

#include <array>

#include "runtime/vk/device_impl.h"

namespace fovea::gpu {

uint32_t Device::Impl::memory_type(uint32_t allowed, Memory memory) const {
  using Flag = ::vk::MemoryPropertyFlagBits;
  using Flags = ::vk::MemoryPropertyFlags;
  const Flags visible = Flag::eHostVisible | Flag::eHostCoherent;
  // Best first; the last of each list exists on every device (Vulkan 1.1, 11.2.1).
  const std::array<Flags, 4> on_device{Flag::eDeviceLocal | visible | Flag::eHostCached,
                                       Flag::eDeviceLocal | visible, Flag::eDeviceLocal, Flags{}};
  const std::array<Flags, 4> on_upload{visible, visible, visible, visible};
  const std::array<Flags, 4> on_readback{visible | Flag::eHostCached, visible, visible, visible};
  const auto& order = memory == Memory::device   ? on_device
                      : memory == Memory::upload ? on_upload
                                                 : on_readback;
  const auto types = instance.physical(traits.info.index).getMemoryProperties();
  for (const Flags wanted : order) {
    // A small mappable window onto device memory is left to the driver: only unified memory is taken mapped.
    if (memory == Memory::device && (wanted & Flag::eHostVisible) && !traits.info.unified_memory) continue;
    for (uint32_t i = 0; i < types.memoryTypeCount; ++i)
      if ((allowed & (1U << i)) != 0 && (types.memoryTypes[i].propertyFlags & wanted) == wanted) return i;
  }
  throw Error(ErrorKind::unsupported, "[memory] the device has no memory type for compute buffers");
}

Buffer::Buffer(Device& device, uint64_t bytes, Memory memory)
    : device_(device), bytes_(bytes), handles_(std::make_unique<Handles>()) {
  using Flag = ::vk::MemoryPropertyFlagBits;
  using Usage = ::vk::BufferUsageFlagBits;
  auto& impl = device.impl();
  const uint64_t most = device.limits().max_allocation;
  if (bytes > most)
    throw Error(
        ErrorKind::out_of_device_memory,
        fmt::format("[memory] {} MiB in one allocation, the device allows {} MiB: use a smaller batch "
                    "or input size, or fp16 storage",
                    bytes >> 20, most >> 20));
  const std::string operation = fmt::format("allocate {:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
  guarded(operation.c_str(), [&] {
    handles_->buffer = impl.device.createBuffer(::vk::BufferCreateInfo{
        .size = bytes,
        .usage =
            Usage::eStorageBuffer | Usage::eUniformTexelBuffer | Usage::eTransferSrc | Usage::eTransferDst});
    const auto needs = handles_->buffer.getMemoryRequirements();
    const uint32_t type = impl.memory_type(needs.memoryTypeBits, memory);
    handles_->memory = impl.device.allocateMemory(
        ::vk::MemoryAllocateInfo{.allocationSize = needs.size, .memoryTypeIndex = type});
    handles_->buffer.bindMemory(*handles_->memory, 0);
    const auto flags =
        impl.instance.physical(impl.traits.info.index).getMemoryProperties().memoryTypes[type].propertyFlags;
    const bool wanted = memory != Memory::device || impl.traits.info.unified_memory;
    if (wanted && (flags & Flag::eHostVisible) && (flags & Flag::eHostCoherent)) {
      mapped_ = static_cast<std::byte*>(handles_->memory.mapMemory(0, VK_WHOLE_SIZE));
      cached_ = static_cast<bool>(flags & Flag::eHostCached);
    }
    if (memory == Memory::device) accounted_ = static_cast<int64_t>(needs.size);
  });
  device_.account(accounted_);
}

Buffer::~Buffer() {
  device_.account(-accounted_);
}

}  // namespace fovea::gpu
