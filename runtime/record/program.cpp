// Program: what a recording ended in.
#include <fmt/format.h>

#include <cstring>

#include "core/floats.h"
#include "fovea/error.h"
#include "runtime/record/recorder.h"

namespace fovea {

void Program::submit() {
  commands_->submit();
}
void Program::wait() {
  commands_->wait();
}

gpu::Sequence Program::part(size_t i) const {
  const uint32_t first = parts_.at(i);
  return {commands_.get(), first, i + 1 < parts_.size() ? parts_[i + 1] - first : UINT32_MAX};
}

const Program::Placed& Program::place_of(const Tensor& t, const char* operation) const {
  check_owner(t, serial_, operation);
  const Placed& placed = placed_.at(t.id);
  check_capacity(t, placed.elements_bytes, operation);
  return placed;
}

void Program::write(const Tensor& input, std::span<const std::byte> bytes) {
  const Placed& p = place_of(input, "write");
  if (!p.is_input || bytes.size() != input.bytes())
    throw Error(ErrorKind::usage, fmt::format("[write] {} bytes for an input {} of {} bytes", bytes.size(),
                                              to_string(input.shape), input.bytes()));
  wait();  // a run that still reads the old input
  std::byte* target = upload_ ? upload_->mapped() + p.upload_offset : arena_->mapped() + p.offset;
  std::memcpy(target + input.offset, bytes.data(), bytes.size());
}

void Program::read(const Tensor& output, std::span<std::byte> bytes) const {
  const Placed& p = place_of(output, "read");
  if (!p.is_output || bytes.size() != output.bytes())
    throw Error(ErrorKind::usage, fmt::format("[read] {} bytes from a result {} of {} bytes", bytes.size(),
                                              to_string(output.shape), output.bytes()));
  commands_->wait();
  const std::byte* source = readback_ ? readback_->mapped() + p.readback_offset : arena_->mapped() + p.offset;
  std::memcpy(bytes.data(), source + output.offset, bytes.size());
}

std::vector<float> Program::read_floats(const Tensor& output) const {
  std::vector<std::byte> bytes(output.bytes());
  read(output, bytes);
  return to_floats(bytes, output.dtype);
}

Tensor Program::shared(const Tensor& t) const {
  if (t.buffer != nullptr) return t;
  const Placed& p = place_of(t, "shared");
  if (!p.is_input && !p.is_output && !p.is_kept)
    throw Error(ErrorKind::usage, "[shared] only inputs, results and kept tensors outlive a run");
  Tensor out = t;
  out.buffer = arena_.get();
  out.offset += p.offset;
  out.owner = 0;
  return out;
}

uint64_t Program::flops() const {
  uint64_t sum = 0;
  for (const Profiled& k : kernels_) sum += k.flops;
  return sum;
}

std::vector<DispatchTime> Program::dispatch_times() const {
  commands_->wait();
  const auto ms = commands_->dispatch_ms();
  std::vector<DispatchTime> out;
  for (size_t i = 0; i < ms.size(); ++i)
    out.push_back({kernels_[i].kernel, kernels_[i].layer, ms[i], kernels_[i].flops});
  return out;
}

}  // namespace fovea
