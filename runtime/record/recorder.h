// Records operations on tensors once; the Program it ends in is replayed as often as wanted.
// Temporaries get their memory and dispatches their barriers when recording ends, from what reads and writes
// what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/record/kernel.h"
#include "runtime/record/layer_scope.h"
#include "runtime/vk/commands.h"

namespace fovea {

struct DispatchTime {
  const char* kernel;
  std::string layer;  // "blocks.3.mlp.fc1"; empty outside of Recorder::scope()
  double ms;
  uint64_t flops;
};

// A recorded sequence with the memory it works in. Not for two threads at once.
class Program {
 public:
  Program() = default;
  Program(Program&&) noexcept = default;
  Program& operator=(Program&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);  // in this order: waits for a run in flight, then frees its memory
      std::construct_at(this, std::move(other));
    }
    return *this;
  }

  void run() {
    submit();
    wait();
  }
  void submit();
  void wait();
  // For a gpu::Timeline: all of it, or what lies between two of Recorder::begin_part().
  gpu::Sequence all() { return {commands_.get()}; }
  gpu::Sequence part(size_t i) const;

  // Inputs before submit(), results after it, or views of them; both wait for a run in flight. Sizes must
  // match the tensor's.
  void write(const Tensor& input, std::span<const std::byte> bytes);
  void read(const Tensor& output, std::span<std::byte> bytes) const;
  std::vector<float> read_floats(const Tensor& output) const;  // of any type
  // An input or a result as a tensor that other recorders may use, as long as this program lives.
  Tensor shared(const Tensor& t) const;

  // Of the last run, which it waits for; empty before one, or unless recorded for profiling.
  std::vector<DispatchTime> dispatch_times() const;
  const std::string& memory_plan() const { return plan_; }
  uint64_t arena_bytes() const { return arena_bytes_; }
  uint32_t dispatches() const { return static_cast<uint32_t>(kernels_.size()); }
  uint64_t flops() const;  // arithmetic of one run, multiply and add counted separately
  uint32_t submissions() const { return commands_->submissions(); }

 private:
  friend class Recorder;
  struct Placed {
    uint64_t offset = 0, bytes = 0, elements_bytes = 0;  // bytes: with what rounds it up
    uint64_t upload_offset = 0, readback_offset = 0;     // where staged
    bool is_input = false, is_output = false, is_kept = false;
  };
  struct Profiled {
    const char* kernel;
    std::string layer;
    uint64_t flops;
  };
  const Placed& place_of(const Tensor& t, const char* operation) const;

  uint32_t serial_ = 0;         // of the recorder
  std::vector<Placed> placed_;  // one a temporary
  std::unique_ptr<gpu::Buffer> arena_, upload_, readback_;
  std::unique_ptr<gpu::Commands> commands_;
  std::vector<uint32_t> parts_;  // submission where each begins
  std::vector<Profiled> kernels_;
  std::string plan_;
  uint64_t arena_bytes_ = 0;
};

class Recorder {
 public:
  struct Options {
    bool profile = false;                             // a timestamp around every dispatch
    uint64_t flops_per_submission = 100'000'000'000;  // so that no watchdog (about two seconds) fires
    bool overlapping = false;  // submitted by a gpu::Timeline again while earlier runs are under way
    bool describe = false;     // only to learn shapes: nothing is measured, and finish() is not called
  };
  explicit Recorder(gpu::Device& device) : Recorder(device, Options{}) {}
  Recorder(gpu::Device& device, const Options& options);

  gpu::Device& device() const { return device_; }
  bool describes() const { return options_.describe; }

  // Until the end of the scope, what is recorded belongs to this layer: see LayerScope.
  //   const auto scope = r.scope("blocks.3.mlp.fc1");
  [[nodiscard]] LayerScope scope(std::string layer) const { return LayerScope(std::move(layer)); }

  // `name` is for the printed plan. Throws Error(unsupported) when one binding of the device cannot span it.
  Tensor temporary(const Shape& shape, DType dtype, const char* name);
  Tensor input(const Shape& shape, DType dtype, const char* name);  // written by the host before each run
  void preset(const Tensor& t);  // a temporary that the host may write before a run, as it may an input
  void output(const Tensor& t);  // kept to the end of the run and readable by the host
  void begin_part();             // what follows can be submitted apart from what went before, in this order
  void keep(const Tensor& t);    // kept to the end for other programs, never read back

  // As many bytes of one tensor to another of the same type, whatever their offsets. No dispatch: a profile
  // charges it to the one after it.
  void copy(const Tensor& from, const Tensor& to);
  // `view`, or a copy where it begins at bytes that the device cannot bind.
  Tensor bindable(const Tensor& view, const char* name);

  // Records one dispatch. flops: arithmetic it stands for, for profiles and to bound submissions.
  template <class K>
  void dispatch(const typename K::Bind& bind, const typename K::Push& push,
                const typename K::Spec& spec = typename K::Spec{}, uint64_t flops = 0) {
    const auto bindings = bindings_of(bind);
    record(declaration_of<K>(), bindings, std::as_bytes(std::span(&push, 1)), constants_of(spec),
           K::grid(push, spec), flops);
  }

  // Ends recording.
  Program finish();

 private:
  struct Value {
    uint64_t bytes;  // of its elements
    const char* name;
    bool is_input = false, is_output = false, is_kept = false;
    uint32_t first = UINT32_MAX, last = 0;
    std::string shape{}, layer{};
  };
  struct Node {
    const KernelDeclaration* kernel;  // null for a copy
    gpu::Variant variant;
    std::vector<Binding> bindings;
    std::vector<std::byte> push;
    std::vector<uint32_t> constants;
    Grid grid;
    uint64_t flops;
    std::string layer;
  };

  void record(const KernelDeclaration& kernel, std::span<const Binding> bindings,
              std::span<const std::byte> push, std::vector<uint32_t> constants, const Grid& grid,
              uint64_t flops);
  Value& value_of(const Tensor& t, const char* operation);
  void check_lies(const Tensor& t, const char* operation);
  void check_bindable(const Binding& b, const char* operation) const;
  void use(const Tensor& t, const char* operation);
  gpu::BindingRange place(const Binding& b, const Program& program) const;
  void plan_memory(Program& program) const;
  void encode(Program& program) const;
  void encode_node(size_t i, const gpu::Pipeline* pipeline, std::span<const gpu::BindingRange> ranges,
                   Program& program) const;

  gpu::Device& device_;
  Options options_;
  uint32_t serial_;  // tells this recorder's tensors from those of others
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<size_t> parts_{0};  // node where each begins
};

}  // namespace fovea
