#include "runtime/record/state.h"

#include <fmt/format.h>

#include <cstring>

#include "fovea/error.h"
#include "runtime/vk/commands.h"

namespace fovea {
namespace {

// Behind the runs that were submitted, on the device's queue.
template <class Record>
void run_once(gpu::Device& device, const Record& record) {
  gpu::Commands commands(device, {});
  record(commands);
  commands.finish();
  commands.submit();
  commands.wait();
}

}  // namespace

State::State(gpu::Device& device, const Shape& shape, DType dtype) : device_(device) {
  tensor_.shape = shape;
  tensor_.dtype = dtype;
  if (shape.elements() == 0)
    throw Error(ErrorKind::usage, fmt::format("[state] {} has no elements", to_string(shape)));
  if (tensor_.bytes() > device.info().max_storage_range)
    throw Error(
        ErrorKind::unsupported,
        fmt::format("[state] {} {} needs {} MiB in one buffer, the device allows {} MiB", to_string(shape),
                    to_string(dtype), tensor_.bytes() >> 20, device.info().max_storage_range >> 20));
  buffer_ = std::make_unique<gpu::Buffer>(device, (tensor_.bytes() + 15) / 16 * 16, gpu::Memory::device);
  tensor_.buffer = buffer_.get();
  zero();
}

void State::zero() {
  run_once(device_, [&](gpu::Commands& c) { c.clear(*buffer_); });
}

void State::check_part(const Tensor& part, size_t bytes, const char* operation) const {
  if (part.buffer != buffer_.get() || part.offset + part.bytes() > tensor_.bytes() || part.bytes() != bytes)
    throw Error(ErrorKind::usage, fmt::format("[state] {} {} bytes of {} {} in a state {} {}", operation,
                                              bytes, to_string(part.shape), to_string(part.dtype),
                                              to_string(tensor_.shape), to_string(tensor_.dtype)));
}

void State::write(const Tensor& part, std::span<const std::byte> bytes) {
  check_part(part, bytes.size(), "write");
  const gpu::Buffer staged(device_, bytes.size(), gpu::Memory::upload);
  std::memcpy(staged.mapped(), bytes.data(), bytes.size());
  run_once(device_, [&](gpu::Commands& c) { c.copy(staged, 0, *buffer_, part.offset, bytes.size()); });
}

void State::read(const Tensor& part, std::span<std::byte> bytes) const {
  check_part(part, bytes.size(), "read");
  const gpu::Buffer staged(device_, bytes.size(), gpu::Memory::readback);
  run_once(device_, [&](gpu::Commands& c) { c.copy(*buffer_, part.offset, staged, 0, bytes.size()); });
  std::memcpy(bytes.data(), staged.mapped(), bytes.size());
}

}  // namespace fovea
