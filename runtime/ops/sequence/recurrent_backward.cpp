#include "runtime/ops/sequence/recurrent_backward.h"

#include <fmt/format.h>

#include "runtime/ops/common/transpose.h"

namespace fovea::ops {
namespace {

// u = h Wᵀ + b turned round: du → du W.
LinearWeights turned(Recorder& r, const LinearWeights& forward) {
  const uint32_t inputs = forward.w.shape[0], packed = forward.w.shape[1];
  const Tensor w = transpose(r, r.bindable(forward.w, "recurrent weights").reshaped({1, inputs, packed}),
                             {.pad_to = (inputs + 3) / 4 * 4, .widen = true, .scale = {}});
  return {w.part(0, {forward.columns, w.shape[2]}), {}, inputs};
}

}  // namespace

RecurrentGradient recurrent_backward(Recorder& r, const RecurrentWeights& weights,
                                     const RecurrentGradientInput& in) {
  const uint32_t batch = in.dy.shape[0], steps = in.dy.shape[1], hidden = weights.hidden;
  const auto are_states = [&](const std::vector<Tensor>& states) {
    for (const Tensor& t : states)
      if (t.shape != Shape{batch, hidden} || t.dtype != DType::f32) return false;
    return states.empty() || states.size() == weights.directions;
  };
  check(in.dy.dtype == DType::f32 && in.dy.shape == Shape{batch, steps, weights.directions * hidden} &&
            in.trace.dtype == DType::f32 &&
            in.trace.shape == Shape{batch, steps, weights.directions, trace_of(weights.cell) * hidden} &&
            are_states(in.dhn) && are_states(in.dcn),
        "recurrent_backward", [&] {
          return fmt::format("{} {}, {} for {} directions of {}", shape_of("dy", in.dy),
                             to_string(in.dy.dtype), shape_of("trace", in.trace), weights.directions, hidden);
        });
  const bool lstm = weights.cell == Cell::lstm;
  const Shape all{batch, steps, weights.directions * weights.columns()};
  RecurrentGradient out;
  out.dx = r.temporary(all, DType::f32, "recurrent gradient");
  out.du = lstm ? out.dx : r.temporary(all, DType::f32, "recurrent gradient");
  for (uint32_t d = 0; d < weights.directions; ++d) {
    const LinearWeights product = turned(r, weights.direction(d));
    const Tensor dc = r.temporary({batch, hidden}, DType::f32, "cell gradient");
    if (!in.dcn.empty()) r.copy(in.dcn[d], dc);
    Tensor dh = in.dhn.empty() ? Tensor{} : in.dhn[d];
    bool has_dc = !in.dcn.empty();
    for (uint32_t s = steps; s-- > 0; has_dc = true) {
      const Tensor du = r.temporary({batch, weights.columns()}, DType::f32, "gradient of gates"),
                   past = r.temporary({batch, hidden}, DType::f32, "gradient past gates");
      const RecurrentStepPush push{{batch, steps, weights.directions, hidden, 0, 0}, d, s};
      const RecurrentCellBackward::Spec spec{unit_group(r.device().info(), hidden), gates_of(weights.cell),
                                             dh ? 1U : 0U, has_dc ? 1U : 0U, in.lengths ? 1U : 0U};
      r.dispatch<RecurrentCellBackward>(
          {in.trace, in.dy, dh ? dh : in.dy, dc, in.lengths ? in.lengths : in.dy, out.dx,
           lstm ? past : out.du, du, past},
          push, spec, uint64_t{30} * batch * hidden);
      dh = linear(r, du, product, {.activation = Activation::none, .scale = {}, .residual = past});
    }
    out.dh0.push_back(dh);
    if (lstm) out.dc0.push_back(dc);
  }
  return out;
}

}  // namespace fovea::ops
