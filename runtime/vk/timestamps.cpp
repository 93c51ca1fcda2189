#include "runtime/vk/timestamps.h"

#include <cstring>

#include "runtime/vk/device_impl.h"
#include "runtime/vk/timestamps_impl.h"

namespace fovea::gpu {

double ticks_ms(uint64_t from, uint64_t to, const PhysicalTraits& traits) {
  const uint64_t mask = traits.timestamp_bits >= 64 ? ~0ULL : (1ULL << traits.timestamp_bits) - 1;
  return static_cast<double>((to - from) & mask) * traits.timestamp_ns * 1e-6;
}

Timestamps::Timestamps(Device& device, uint32_t count) : device_(device), count_(count) {
  if (device.impl().traits.timestamp_bits == 0) return;
  guarded("timestamps", [&] {
    handles_ = std::make_unique<Handles>();
    handles_->count = count;
    handles_->pool = device.impl().device.createQueryPool(
        ::vk::QueryPoolCreateInfo{.queryType = ::vk::QueryType::eTimestamp, .queryCount = count});
    handles_->ticks = std::make_unique<Buffer>(device, count * sizeof(uint64_t), Memory::readback);
  });
}

Timestamps::~Timestamps() = default;

std::vector<double> Timestamps::ms() const {
  std::vector<double> out(count_ - 1);
  if (!handles_) return out;
  std::vector<uint64_t> ticks(count_);
  std::memcpy(ticks.data(), handles_->ticks->mapped(), ticks.size() * sizeof(uint64_t));
  for (size_t i = 0; i < out.size(); ++i) out[i] = ticks_ms(ticks[i], ticks[i + 1], device_.impl().traits);
  return out;
}

}  // namespace fovea::gpu
