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

// Whole sequences in one dispatch, with states in shared memory.
template <gpu::Family F>
struct RecurrentSequence : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::recurrent_sequence;
  using Push = RecurrentPush;
  struct Spec {
    UnitGroup group;
    uint32_t rows = 1, states = 64, lanes = 1, gates = 4;
    uint32_t has_start = 1, has_lengths = 1, save = 1;
  };
  struct Bind {
    ReadBy<F> x, w, bias;
    In h0, c0, lengths;
    Out y, hn, cn, trace;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.batch, s.rows), p.directions, 1}; }
  // `rows` rows share a workgroup.
  static Spec fitted(const DeviceInfo& device, Cell cell, uint32_t hidden, uint32_t rows) {
    const bool cpu = device.type == DeviceType::cpu;
    const uint32_t wide =
        cpu ? std::max(8U, device.subgroup_size)
            : std::clamp(std::bit_ceil(units_of(hidden)), 32U, std::min(256U, device.max_invocations));
    return {{wide, wide, hidden % 4 == 0 ? 1U : 0U},
            rows,
            rows * hidden,
            F == gpu::Family::texel ? std::min(8U, device.subgroup_size) : 1U,
            gates_of(cell)};
  }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const Cell cell : {Cell::lstm, Cell::gru})
      for (const auto& [hidden, rows] : {std::pair{64U, 1U}, std::pair{64U, 4U}, std::pair{256U, 1U}})
        out.push_back(fitted(device, cell, hidden, rows));
    return out;
  }
};
inline const BothFamilies<RecurrentSequence> recurrent_sequence_kernels;

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
