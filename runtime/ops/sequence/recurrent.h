// LSTM and GRU cells over sequences, one layer of them at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "runtime/ops/nn/linear.h"
#include "shaders/sequence/recurrent.h"

namespace fovea::ops {

enum class Cell : uint32_t { gru = 3, lstm = 4 };  // how many gates it has
constexpr uint32_t gates_of(Cell cell) {
  return static_cast<uint32_t>(cell);
}
// What a step leaves for its gradient: values of each hidden channel.
constexpr uint32_t trace_of(Cell cell) {
  return gates_of(cell) + 2;
}

// Whole sequences in one dispatch.
struct SequenceSpec {
  UnitGroup group;
  uint32_t rows = 1, states = 64, lanes = 1, gates = 4;
  uint32_t has_start = 1, has_lengths = 1, save = 1;
};
template <gpu::Family F>
struct SequenceBind {
  ReadBy<F> x, w, bias;
  In h0, c0, lengths;
  Out y, hn, cn, trace;
};
// How a workgroup has `rows` rows of so many hidden channels.
SequenceSpec sequence_spec(const DeviceInfo& device, gpu::Family family, Cell cell, uint32_t hidden,
                           uint32_t rows);
std::vector<SequenceSpec> sequence_variants(const DeviceInfo& device, gpu::Family family);

// With states in shared memory.
template <gpu::Family F>
struct RecurrentSequence : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::recurrent_sequence;
  using Push = RecurrentPush;
  using Spec = SequenceSpec;
  using Bind = SequenceBind<F>;
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.batch, s.rows), p.directions, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device) { return sequence_variants(device, F); }
};

// With states and weights in the registers of one subgroup, or what the driver's compiler makes of them: code
// for each weight, and so few of them.
struct RecurrentHeld {
  static constexpr const gpu::Shader& shader = shaders::recurrent_held;
  static constexpr gpu::Family family = gpu::Family::texel;
  using Push = RecurrentPush;
  using Spec = SequenceSpec;
  using Bind = SequenceBind<gpu::Family::texel>;
  static constexpr uint32_t most = 512;  // fours of weights that a lane holds
  static bool suits(const Push& p, const Spec& s) {
    return s.group.fours != 0 && s.lanes == s.group.lanes &&
           p.hidden * s.gates * groups(units_of(p.hidden), s.lanes) <= most;
  }
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.batch, s.rows), p.directions, 1}; }
  static std::vector<Spec> variants(const DeviceInfo& device);
};
inline const Candidates<RecurrentHeld, RecurrentSequence<gpu::Family::texel>,
                        RecurrentSequence<gpu::Family::buffer>>
    recurrent_sequence_kernels;

// One step of one direction, behind the recurrent product.
struct RecurrentCell {
  static constexpr const gpu::Shader& shader = shaders::recurrent_cell;
  using Push = RecurrentStepPush;
  struct Spec {
    UnitGroup group;
    uint32_t gates = 4, start = 0, has_start = 1, has_lengths = 1, save = 1;
  };
  struct Bind {
    In x, u, h;
    InOut cell;
    In lengths;
    Out y, h_next, hn, cn, trace;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(s.group.fours != 0 ? p.all.hidden / 4 : p.all.hidden, p.all.batch, 1, s.group);
  }
};
inline const KernelRegistration<RecurrentCell> register_recurrent_cell;

// A layer's recurrent weights, of all directions.
struct RecurrentWeights {
  Cell cell = Cell::lstm;
  uint32_t hidden = 0, directions = 1;
  Tensor w;     // [directions, hidden, gates · hidden rounded up to fours], each as LinearWeights
  Tensor bias;  // [directions, gates · hidden rounded up], f32

  uint32_t columns() const { return gates_of(cell) * hidden; }
  LinearWeights direction(uint32_t d) const {
    const uint32_t row = w.shape[2];
    return {w.part(uint64_t{d} * hidden * row, {hidden, row}), bias.part(uint64_t{d} * row, {row}),
            columns()};
  }
};

struct RecurrentInput {
  Tensor x;          // [batch, steps, directions · gates · hidden]: of the inputs, with their biases
  Tensor lengths{};  // u32 [batch]; empty: every row takes all steps
  // States to begin with, [batch, any, hidden], this layer's from first_state on, one a direction; empty:
  // zeros.
  Tensor h0{}, c0{};
  uint32_t first_state = 0;
  Tensor hn{}, cn{};  // where the last ones go, of the same shape; made here, a direction each, where empty
  bool save = false;  // what a gradient needs
};

struct RecurrentResult {
  Tensor y;       // [batch, steps, directions · hidden], zeros beyond a row's length
  Tensor hn, cn;  // after the last step that a direction takes; cn of LSTM alone
  Tensor trace;   // f32 [batch, steps, directions, trace · hidden]; empty unless saved
};

enum class RecurrentForm {
  automatic,  // one dispatch where states fit the device's shared memory
  sequence,   // that, or Error(unsupported)
  steps,      // two dispatches a step, one of them a linear layer
};

// The last direction of two takes steps from a row's last one to its first.
RecurrentResult recurrent(Recorder& r, const RecurrentWeights& weights, const RecurrentInput& in,
                          RecurrentForm form = RecurrentForm::automatic);

}  // namespace fovea::ops
