#include "models/weights/weight_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/floats.h"
#include "fovea/error.h"
#include "runtime/vk/commands.h"

namespace fovea {
namespace {

// Of a buffer: large ones leave few gaps where the next tensor does not fit, and what is expected may be too
// much.
constexpr uint64_t least_bytes = 1ULL << 20, most_bytes = 64ULL << 20;

}  // namespace

std::pair<Tensor, std::byte*> WeightStore::place(const Shape& shape, DType dtype) {
  Tensor t;
  t.shape = shape;
  t.dtype = dtype;
  if (t.bytes() > device_.info().max_storage_range)
    throw Error(ErrorKind::unsupported,
                fmt::format("[weights] a tensor {} of {} MiB, the device allows {} MiB in one buffer",
                            to_string(shape), t.bytes() >> 20, device_.info().max_storage_range >> 20));
  const uint64_t alignment =
      std::max<uint64_t>({device_.limits().storage_alignment, device_.limits().texel_alignment, 16});
  uint64_t at = (used_ + alignment - 1) / alignment * alignment;
  const uint64_t rounded = (t.bytes() + 15) / 16 * 16;
  if (buffers_.empty() || at + rounded > buffers_.back()->size()) {
    flush();
    const uint64_t left = expected_ > bytes_ ? expected_ - bytes_ : 0;
    const uint64_t size = std::max(std::clamp(left, least_bytes, most_bytes), rounded);
    buffers_.push_back(std::make_unique<gpu::Buffer>(device_, size, gpu::Memory::device));
    bytes_ += size;
    at = flushed_ = 0;
  }
  used_ = at + rounded;
  gpu::Buffer& buffer = *buffers_.back();
  std::byte* target = buffer.mapped();
  if (target == nullptr) {
    staged_.resize(used_ - flushed_);
    target = staged_.data() + (at - flushed_);
  } else {
    target += at;
  }
  t.buffer = &buffer;
  t.offset = at;
  return {t, target};
}

Tensor WeightStore::add(std::span<const float> values, const Shape& shape, DType dtype) {
  if (values.size() != shape.elements())
    throw Error(ErrorKind::usage, fmt::format("[weights] {} values for {}", values.size(), to_string(shape)));
  std::vector<std::byte> converted;
  std::span<const std::byte> elements = std::as_bytes(values);
  if (dtype != DType::f32) elements = converted = from_floats(values, dtype);
  const auto [t, target] = place(shape, dtype);
  std::memcpy(target, elements.data(), elements.size());
  return t;
}

Tensor WeightStore::table(std::span<const uint32_t> values) {
  if (values.size() > UINT32_MAX)
    throw Error(ErrorKind::usage, fmt::format("[weights] a table of {} values", values.size()));
  const auto [t, target] = place({static_cast<uint32_t>(values.size())}, DType::u32);
  std::memcpy(target, values.data(), values.size_bytes());
  return t;
}

void WeightStore::flush() {
  if (staged_.empty()) return;
  gpu::Buffer upload(device_, staged_.size(), gpu::Memory::upload);
  std::memcpy(upload.mapped(), staged_.data(), staged_.size());
  gpu::Commands commands(device_, {});
  commands.copy(upload, 0, *buffers_.back(), flushed_, staged_.size());
  commands.finish();
  commands.submit();
  commands.wait();
  staged_.clear();
  flushed_ = used_;
}

void WeightStore::finish() {
  flush();
  staged_.shrink_to_fit();
}

}  // namespace fovea
