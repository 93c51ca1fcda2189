#include "models/arch/seq2seq/parts.h"
#include "runtime/ops/sequence/copy_columns.h"
#include "runtime/ops/sequence/elementwise.h"

namespace fovea::seq2seq {

Stack::Stack(Recorder& r, uint32_t steps, const Tensor& of_a_step)
    : r_(&r),
      all_(r.temporary(
          {steps, of_a_step.shape[0], static_cast<uint32_t>(of_a_step.shape.elements() / of_a_step.shape[0])},
          of_a_step.dtype, "steps")) {}

Tensor Stack::at(uint32_t step) const {
  return r_->bindable(all_.slice(step, 1), "step").reshaped({all_.shape[1], all_.shape[2]});
}

Tensor Stack::rows_first() const {
  return ops::swap_steps(*r_, all_);
}

Encoder::Encoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape)
    : hidden_(shape.encoder),
      rnn_(store, w / "rnn",
           {.cell = shape.cell(), .inputs = shape.inputs, .hidden = shape.encoder, .bidirectional = true}),
      bridge_h_(store, w / "bridge_h", shape.decoder, shape.memory()) {
  if (shape.luong) bridge_c_.emplace(store, w / "bridge_c", shape.decoder, shape.memory());
}

Encoder::Run Encoder::operator()(Recorder& r, const Tensor& x, const Tensor& lengths, bool save) const {
  Run run;
  const auto out = rnn_(r, {x, lengths}, save ? &run.saved : nullptr);
  const Shape both{x.shape[0], 2 * hidden_};  // of the forward direction and of the backward one
  run.memory = out.y;
  run.last_h = out.hn.reshaped(both);
  run.h0 = ops::hyperbolic(r, bridge_h_(r, run.last_h));
  if (!bridge_c_) return run;
  run.last_c = out.cn.reshaped(both);
  run.c0 = ops::hyperbolic(r, (*bridge_c_)(r, run.last_c));
  return run;
}

// By the last state of each direction.
std::vector<Tensor> Encoder::bridge_backward(Recorder& r, const layers::Linear& bridge, const Tensor& last,
                                             const Tensor& first, const Tensor& dfirst,
                                             layers::Gradients& gradients) const {
  const Tensor dlinear = ops::hyperbolic_backward(r, first, dfirst);
  layers::add_linear(r, gradients, bridge, last, dlinear);
  const Tensor dlast = bridge.backward(r, dlinear);
  return {ops::take_columns(r, dlast, 0, hidden_), ops::take_columns(r, dlast, hidden_, hidden_)};
}

Tensor Encoder::backward(Recorder& r, const Run& run, const Tensor& dmemory, const Tensor& dh0,
                         const Tensor& dc0, layers::Gradients& gradients) const {
  layers::Recurrent::OutputGradient out{.dy = dmemory};
  out.dhn = bridge_backward(r, bridge_h_, run.last_h, run.h0, dh0, gradients);
  if (bridge_c_) out.dcn = bridge_backward(r, *bridge_c_, run.last_c, run.c0, dc0, gradients);
  return rnn_.backward(r, run.saved, out, gradients).dx;
}

}  // namespace fovea::seq2seq
