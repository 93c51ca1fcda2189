#include "runtime/record/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "fovea/error.h"
#include "runtime/record/arena.h"
#include "runtime/record/hazards.h"

namespace fovea {
namespace {

void check_owner(const Tensor& t, uint32_t serial, const char* operation) {
  if (t.owner != serial)
    throw Error(ErrorKind::usage,
                error_prefix(operation) + "a tensor of another recording: use Program::shared");
}

// What a tensor takes, so that a view of it as texels may be this long. Mesa's llvmpipe takes bits 8 to 15 of
// a view's size for a number of mip levels, zero or not, when it looks for a kernel that it compiled: none
// are zero here.
uint64_t texel_span(uint64_t bytes) {
  const uint64_t whole = (bytes + 15) / 16 * 16;
  return (whole & 0xff00) == 0 ? whole + 256 : whole;
}

}  // namespace

std::vector<const KernelDeclaration*>& registered_kernels() {
  static std::vector<const KernelDeclaration*> kernels;
  return kernels;
}

Recorder::Recorder(gpu::Device& device, const Options& options) : device_(device), options_(options) {
  static std::atomic<uint32_t> last{0};
  serial_ = ++last;
}

Tensor Recorder::temporary(const Shape& shape, DType dtype, const char* name) {
  Tensor t;
  t.shape = shape;
  t.dtype = dtype;
  t.id = static_cast<uint32_t>(values_.size());
  t.owner = serial_;
  if (shape.elements() == 0)
    throw Error(ErrorKind::usage, error_prefix(name) + to_string(shape) + " has no elements");
  if (t.bytes() > device_.info().max_storage_range)
    throw Error(
        ErrorKind::unsupported,
        error_prefix(name) +
            fmt::format("{} {} needs {} MiB in one buffer, the device allows {} MiB: use a smaller batch or "
                        "input size",
                        to_string(shape), to_string(dtype), t.bytes() >> 20,
                        device_.info().max_storage_range >> 20));
  // Whole words, so that kernels may read the last element of fp16 tensors in pairs.
  values_.push_back({(t.bytes() + 15) / 16 * 16, name});
  values_.back().shape = fmt::format("{} {}", to_string(shape), to_string(dtype));
  values_.back().layer = LayerScope::current();
  return t;
}

Tensor Recorder::input(const Shape& shape, DType dtype, const char* name) {
  const Tensor t = temporary(shape, dtype, name);
  values_[t.id].is_input = true;
  return t;
}

void Recorder::preset(const Tensor& t) {
  if (t.buffer != nullptr)
    throw Error(ErrorKind::usage, "[preset] only what this recorder made can be written before a run");
  value_of(t, "preset").is_input = true;
}

void Recorder::output(const Tensor& t) {
  if (t.buffer != nullptr)
    throw Error(ErrorKind::usage, "[output] only what this recorder made can be a result");
  value_of(t, "output").is_output = true;
}

void Recorder::keep(const Tensor& t) {
  if (t.buffer == nullptr) value_of(t, "keep").is_kept = true;  // what has a buffer outlives the run anyway
}

void Recorder::begin_part() {
  parts_.push_back(nodes_.size());
}

Recorder::Value& Recorder::value_of(const Tensor& t, const char* operation) {
  check_owner(t, serial_, operation);
  return values_[t.id];
}

void Recorder::record(const KernelDeclaration& kernel, std::span<const Binding> bindings,
                      std::span<const std::byte> push, std::vector<uint32_t> constants, const Grid& grid,
                      uint64_t flops) {
  const char* name = kernel.shader->name;
  const auto& limits = device_.limits().max_work_groups;
  for (size_t i = 0; i < grid.size(); ++i)
    if (grid[i] == 0 || grid[i] > limits[i])
      throw Error(ErrorKind::unsupported,
                  error_prefix(name) +
                      fmt::format("a grid of {} × {} × {} workgroups, the device allows {} × {} × {}",
                                  grid[0], grid[1], grid[2], limits[0], limits[1], limits[2]));
  const auto step = static_cast<uint32_t>(nodes_.size());
  for (const Binding& b : bindings) {
    if (!b.tensor) throw Error(ErrorKind::usage, error_prefix(name) + "a binding has no tensor");
    if (b.kind == gpu::BindingKind::texel &&
        b.tensor.shape.elements() / 4 > device_.limits().max_texel_elements)
      throw Error(ErrorKind::unsupported,
                  error_prefix(name) +
                      fmt::format("{} as a texel buffer, the device allows {} texels of four: use a smaller "
                                  "batch or input size",
                                  to_string(b.tensor.shape), device_.limits().max_texel_elements));
    if (b.tensor.buffer != nullptr) continue;
    Value& value = value_of(b.tensor, name);
    value.first = std::min(value.first, step);
    value.last = std::max(value.last, step);
  }
  nodes_.push_back({&kernel,
                    {bindings.begin(), bindings.end()},
                    {push.begin(), push.end()},
                    std::move(constants),
                    grid,
                    flops,
                    LayerScope::current()});
}

gpu::BindingRange Recorder::place(const Binding& b, const Program& program) const {
  gpu::BindingRange range;
  range.kind = b.kind;
  range.format = b.tensor.dtype == DType::f16   ? gpu::TexelFormat::f16
                 : b.tensor.dtype == DType::u32 ? gpu::TexelFormat::u32
                                                : gpu::TexelFormat::f32;
  if (b.tensor.buffer != nullptr) {
    range.buffer = b.tensor.buffer;
    range.offset = b.tensor.offset;
    range.bytes = (b.tensor.bytes() + 3) / 4 * 4;
  } else {
    const auto& placed = program.placed_[b.tensor.id];
    range.buffer = program.arena_.get();
    range.offset = placed.offset;
    range.bytes = placed.bytes;
  }
  if (b.kind == gpu::BindingKind::texel) {
    const uint64_t span = texel_span(b.tensor.bytes());
    const bool fits = range.offset + span <= range.buffer->size() &&
                      span / (4 * element_bytes(b.tensor.dtype)) <= device_.limits().max_texel_elements;
    range.bytes = fits ? span : b.tensor.bytes();
  }
  return range;
}

void Recorder::plan_memory(Program& program) const {
  // Inputs and results live from before the first dispatch to after the last.
  std::vector<Lifetime> lifetimes;
  for (const Value& v : values_) {
    const bool kept = v.is_input || v.is_output || v.is_kept;
    lifetimes.push_back(
        {texel_span(v.bytes), kept ? 0 : v.first, kept ? static_cast<uint32_t>(nodes_.size()) : v.last});
    if (v.first == UINT32_MAX && !kept) lifetimes.back() = {0, 0, 0};
  }
  const auto& limits = device_.limits();
  const uint64_t alignment = std::max<uint64_t>({limits.storage_alignment, limits.texel_alignment, 64});
  const ArenaPlan plan = plan_arena(lifetimes, alignment);
  program.arena_bytes_ = plan.bytes;
  program.arena_ =
      std::make_unique<gpu::Buffer>(device_, std::max<uint64_t>(plan.bytes, 16), gpu::Memory::device);

  uint64_t upload = 0, readback = 0, unaliased = 0;
  for (size_t i = 0; i < values_.size(); ++i) {
    const Value& v = values_[i];
    Program::Placed placed{plan.offsets[i], v.bytes, 0, 0, v.is_input, v.is_output, v.is_kept};
    if (v.is_input) placed.upload_offset = std::exchange(upload, upload + v.bytes);
    if (v.is_output) placed.readback_offset = std::exchange(readback, readback + v.bytes);
    unaliased += lifetimes[i].bytes;
    program.plan_ += fmt::format("{:>10} +{:<10} steps {:>4}…{:<4} {} {}{}{}\n", placed.offset, v.bytes,
                                 lifetimes[i].first, lifetimes[i].last, v.name, v.shape,
                                 v.layer.empty() ? "" : " of ", v.layer);
    program.placed_.push_back(placed);
  }
  program.plan_ += fmt::format("arena {} bytes for {} tensors of {} bytes together\n", plan.bytes,
                               values_.size(), unaliased);
  // Writing to uncached memory is fine, reading from it takes many times a copy.
  const bool writable = program.arena_->mapped() != nullptr;
  const bool readable = writable && program.arena_->cached();
  if (upload != 0 && !writable)
    program.upload_ = std::make_unique<gpu::Buffer>(device_, upload, gpu::Memory::upload);
  if (readback != 0 && !readable)
    program.readback_ = std::make_unique<gpu::Buffer>(device_, readback, gpu::Memory::readback);
}

gpu::PipelineKey Recorder::pipeline_of(const Node& node) {
  const auto& kernel = *node.kernel;
  const bool f16 = !kernel.shader->f16.empty() &&
                   std::any_of(node.bindings.begin(), node.bindings.end(),
                               [](const Binding& b) { return b.tensor.dtype == DType::f16; });
  return {kernel.shader, f16, node.constants, kernel.kinds, kernel.push_bytes};
}

void Recorder::encode(Program& program) const {
  std::vector<gpu::PipelineKey> keys;
  for (const Node& node : nodes_) keys.push_back(pipeline_of(node));
  const auto pipelines = device_.pipelines(keys);

  program.commands_ = std::make_unique<gpu::Commands>(
      device_, gpu::Commands::Options{.timestamps = options_.profile, .overlapping = options_.overlapping});
  auto& commands = *program.commands_;
  if (program.upload_) {
    for (const auto& p : program.placed_)
      if (p.is_input) commands.copy(*program.upload_, p.upload_offset, *program.arena_, p.offset, p.bytes);
    commands.barrier();
  }
  HazardTracker hazards;
  uint64_t flops = 0;
  std::vector<gpu::BindingRange> ranges;
  const auto cut = [&] {
    commands.split();
    hazards.clear();
    flops = 0;
  };
  size_t part = 0;
  const auto begin_parts = [&](size_t node) {
    for (; part < parts_.size() && parts_[part] == node; ++part) {
      if (part != 0) cut();
      program.parts_.push_back(part == 0 ? 0 : commands.submissions() - 1);
    }
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    begin_parts(i);
    ranges.clear();
    for (const Binding& b : node.bindings) ranges.push_back(place(b, program));
    if (flops + node.flops > options_.flops_per_submission && flops != 0) cut();
    flops += node.flops;
    if (hazards.needs_barrier(ranges, node.kernel->access)) commands.barrier();
    commands.dispatch(*pipelines[i], ranges, node.push, node.grid);
    program.kernels_.push_back({node.kernel->shader->name, node.layer, node.flops});
  }
  begin_parts(nodes_.size());
  if (program.readback_) {
    commands.barrier();
    for (const auto& p : program.placed_)
      if (p.is_output)
        commands.copy(*program.arena_, p.offset, *program.readback_, p.readback_offset, p.bytes);
  }
  commands.finish();
}

Program Recorder::finish() {
  Program program;
  program.serial_ = serial_;
  plan_memory(program);
  encode(program);
  return program;
}

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
  return placed_.at(t.id);
}

void Program::write(const Tensor& input, std::span<const std::byte> bytes) {
  const Placed& p = place_of(input, "write");
  if (!p.is_input || bytes.size() != input.bytes())
    throw Error(ErrorKind::usage, fmt::format("[write] {} bytes for an input {} of {} bytes", bytes.size(),
                                              to_string(input.shape), input.bytes()));
  wait();  // a run that still reads the old input
  std::byte* target = upload_ ? upload_->mapped() + p.upload_offset : arena_->mapped() + p.offset;
  std::memcpy(target, bytes.data(), bytes.size());
}

void Program::read(const Tensor& output, std::span<std::byte> bytes) const {
  const Placed& p = place_of(output, "read");
  if (!p.is_output || bytes.size() != output.bytes())
    throw Error(ErrorKind::usage, fmt::format("[read] {} bytes from a result {} of {} bytes", bytes.size(),
                                              to_string(output.shape), output.bytes()));
  commands_->wait();
  const std::byte* source = readback_ ? readback_->mapped() + p.readback_offset : arena_->mapped() + p.offset;
  std::memcpy(bytes.data(), source, bytes.size());
}

Tensor Program::shared(const Tensor& t) const {
  if (t.buffer != nullptr) return t;
  const Placed& p = place_of(t, "shared");
  if (!p.is_input && !p.is_output && !p.is_kept)
    throw Error(ErrorKind::usage, "[shared] only inputs, results and kept tensors outlive a run");
  Tensor out = t;
  out.buffer = arena_.get();
  out.offset = p.offset;
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
