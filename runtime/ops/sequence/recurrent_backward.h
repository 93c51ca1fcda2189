// Gradients of LSTM and GRU layers, back through time.
#pragma once

#include <vector>

#include "runtime/ops/sequence/recurrent.h"

namespace fovea::ops {

struct RecurrentCellBackward {
  static constexpr const gpu::Shader& shader = shaders::recurrent_cell_backward;
  using Push = RecurrentStepPush;
  struct Spec {
    UnitGroup group;
    uint32_t gates = 4, has_dh = 1, has_dc = 1, has_lengths = 1;
  };
  struct Bind {
    In trace, dy, dh;
    InOut dc;
    In lengths;
    Out dx, dus, du, past;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return unit_grid(s.group.fours != 0 ? p.all.hidden / 4 : p.all.hidden, p.all.batch, 1, s.group);
  }
};
inline const KernelRegistration<RecurrentCellBackward> register_recurrent_cell_backward;

// All f32.
struct RecurrentGradientInput {
  Tensor trace;                      // as recurrent() saved it
  Tensor dy;                         // [batch, steps, directions · hidden]
  Tensor lengths{};                  // as recurrent() had them
  std::vector<Tensor> dhn{}, dcn{};  // by the last states, [batch, hidden] a direction; empty: zeros
};
struct RecurrentGradient {
  Tensor dx;  // [batch, steps, directions · gates · hidden], by what the gates were given of inputs
  Tensor du;  // the same by the recurrent products with their biases; of LSTM it is dx
  std::vector<Tensor> dh0, dc0;  // [batch, hidden] a direction; dc0 of LSTM alone
};
RecurrentGradient recurrent_backward(Recorder& r, const RecurrentWeights& weights,
                                     const RecurrentGradientInput& in);

}  // namespace fovea::ops
