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

// Whole words, so that kernels may read the last element of fp16 tensors in pairs.
uint64_t padded(uint64_t bytes) {
  return (bytes + 15) / 16 * 16;
}

// What a tensor takes, so that a view of it as texels may be this long. Mesa's llvmpipe takes bits 8 to 15 of
// a view's size for a number of mip levels, zero or not, when it looks for a kernel that it compiled: none
// are zero here.
uint64_t texel_span(uint64_t bytes) {
  const uint64_t whole = padded(bytes);
  return (whole & 0xff00) == 0 ? whole + 256 : whole;
}

gpu::TexelFormat texel_format(DType dtype) {
  return dtype == DType::f16   ? gpu::TexelFormat::f16
         : dtype == DType::u32 ? gpu::TexelFormat::u32
                               : gpu::TexelFormat::f32;
}

// The module for these bindings. Types of four bytes are the shader's business; a smaller one needs a module
// that was compiled for it, unless texels convert it.
gpu::Variant variant_of(const KernelDeclaration& kernel, std::span<const Binding> bindings) {
  gpu::Variant variant{DType::f32, kernel.family};
  for (const Binding& b : bindings) {
    const DType dtype = b.tensor.dtype;
    const bool texel = b.kind == gpu::BindingKind::texel,
               compiled = kernel.shader->find({dtype, kernel.family}) != nullptr;
    if (dtype == DType::f32 || dtype == DType::u32 || (dtype == DType::s32 && !texel) ||
        dtype == variant.storage)
      continue;
    if (variant.storage != DType::f32 || !(texel ? dtype == DType::f16 : compiled))
      throw Error(ErrorKind::unsupported,
                  error_prefix(kernel.shader->name) +
                      fmt::format("binding {} is {} {}, which the kernel is not compiled for",
                                  &b - bindings.data(), to_string(b.tensor.shape), to_string(dtype)));
    if (compiled) variant.storage = dtype;
  }
  return variant;
}

constexpr Access copy_access[]{Access::read, Access::write};

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
  values_.push_back({t.bytes(), name});
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

void Recorder::check_lies(const Tensor& t, const char* operation) {
  if (!t) throw Error(ErrorKind::usage, error_prefix(operation) + "a binding has no tensor");
  if (t.buffer != nullptr && &t.buffer->device() != &device_)
    throw Error(ErrorKind::usage,
                error_prefix(operation) + fmt::format("{} lies on another device than {}, which this is "
                                                      "recorded for",
                                                      to_string(t.shape), device_.info().name));
  check_capacity(t, t.buffer != nullptr ? t.buffer->size() : value_of(t, operation).bytes, operation);
}

void Recorder::check_bindable(const Binding& b, const char* operation) const {
  const auto& limits = device_.limits();
  const bool texel = b.kind == gpu::BindingKind::texel;
  const uint64_t alignment = texel ? limits.texel_alignment : limits.storage_alignment;
  if (b.tensor.offset % alignment != 0)
    throw Error(ErrorKind::unsupported,
                error_prefix(operation) +
                    fmt::format("a view {} begins at byte {}, the device binds at multiples of {}: use "
                                "Recorder::bindable",
                                to_string(b.tensor.shape), b.tensor.offset, alignment));
  if (texel && b.tensor.shape.elements() / 4 > limits.max_texel_elements)
    throw Error(ErrorKind::unsupported,
                error_prefix(operation) +
                    fmt::format("{} as a texel buffer, the device allows {} texels of four: use a smaller "
                                "batch or input size",
                                to_string(b.tensor.shape), limits.max_texel_elements));
}

void Recorder::use(const Tensor& t, const char* operation) {
  if (t.buffer != nullptr) return;
  const auto step = static_cast<uint32_t>(nodes_.size());
  Value& value = value_of(t, operation);
  value.first = std::min(value.first, step);
  value.last = std::max(value.last, step);
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
  for (const Binding& b : bindings) {
    check_lies(b.tensor, name);
    check_bindable(b, name);
    use(b.tensor, name);
  }
  nodes_.push_back({&kernel,
                    variant_of(kernel, bindings),
                    {bindings.begin(), bindings.end()},
                    {push.begin(), push.end()},
                    std::move(constants),
                    grid,
                    flops,
                    LayerScope::current()});
}

void Recorder::copy(const Tensor& from, const Tensor& to) {
  check_lies(from, "copy");
  check_lies(to, "copy");
  const bool same = from.buffer == to.buffer && from.id == to.id;
  if (from.dtype != to.dtype || from.bytes() != to.bytes() ||
      (same && from.offset < to.offset + to.bytes() && to.offset < from.offset + from.bytes()))
    throw Error(ErrorKind::usage,
                error_prefix("copy") + fmt::format("{} {} to {} {}{}", to_string(from.shape),
                                                   to_string(from.dtype), to_string(to.shape),
                                                   to_string(to.dtype), same ? " of the same tensor" : ""));
  use(from, "copy");
  use(to, "copy");
  const Binding source{from, Access::read}, target{to, Access::write};
  nodes_.push_back({nullptr, {}, {source, target}, {}, {}, {}, 0, LayerScope::current()});
}

Tensor Recorder::bindable(const Tensor& view, const char* name) {
  const auto& limits = device_.limits();
  if (view.offset % std::max(limits.storage_alignment, limits.texel_alignment) == 0) return view;
  const Tensor out = temporary(view.shape, view.dtype, name);
  copy(view, out);
  return out;
}

gpu::BindingRange Recorder::place(const Binding& b, const Program& program) const {
  const Tensor& t = b.tensor;
  gpu::BindingRange range;
  range.kind = b.kind;
  range.format = texel_format(t.dtype);
  range.buffer = t.buffer;
  range.offset = t.offset;
  range.bytes = (t.bytes() + 3) / 4 * 4;
  if (t.buffer == nullptr) {
    const auto& placed = program.placed_[t.id];
    range.buffer = program.arena_.get();
    range.offset += placed.offset;
    if (t.bytes() == placed.elements_bytes) range.bytes = placed.bytes;
  }
  if (b.kind == gpu::BindingKind::texel) {
    const uint64_t span = texel_span(t.bytes());
    const bool fits = range.offset + span <= range.buffer->size() &&
                      span / (4 * element_bytes(t.dtype)) <= device_.limits().max_texel_elements;
    range.bytes = fits ? span : t.bytes();
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
    Program::Placed placed{plan.offsets[i], padded(v.bytes), v.bytes,  0, 0,
                           v.is_input,      v.is_output,     v.is_kept};
    if (v.is_input) placed.upload_offset = std::exchange(upload, upload + placed.bytes);
    if (v.is_output) placed.readback_offset = std::exchange(readback, readback + placed.bytes);
    unaliased += lifetimes[i].bytes;
    program.plan_ += fmt::format("{:>10} +{:<10} steps {:>4}…{:<4} {} {}{}{}\n", placed.offset, placed.bytes,
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

void Recorder::encode_node(size_t i, const gpu::Pipeline* pipeline, std::span<const gpu::BindingRange> ranges,
                           Program& program) const {
  const Node& node = nodes_[i];
  if (node.kernel == nullptr) {
    program.commands_->copy(*ranges[0].buffer, ranges[0].offset, *ranges[1].buffer, ranges[1].offset,
                            node.bindings[0].tensor.bytes());
    return;
  }
  program.commands_->dispatch(*pipeline, ranges, node.push, node.grid);
  program.kernels_.push_back({node.kernel->shader->name, node.layer, node.flops});
}

void Recorder::encode(Program& program) const {
  std::vector<gpu::PipelineKey> keys;
  for (const Node& node : nodes_)
    if (const KernelDeclaration* k = node.kernel)
      keys.push_back({k->shader, node.variant, node.constants, k->kinds, k->push_bytes});
  const auto pipelines = device_.pipelines(keys);
  auto pipeline = pipelines.begin();

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
    const std::span<const Access> access =
        node.kernel != nullptr ? std::span<const Access>(node.kernel->access) : copy_access;
    if (hazards.needs_barrier(ranges, access)) commands.barrier();
    encode_node(i, node.kernel != nullptr ? *pipeline++ : nullptr, ranges, program);
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

}  // namespace fovea
