// Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation": the new state asks
// where to look, and the attentional state, tanh of a layer of what is seen and of the state, is read and fed
// on.
#include "models/arch/seq2seq/parts.h"
#include "models/arch/seq2seq/steps_backward.h"
#include "runtime/ops/sequence/copy_columns.h"
#include "runtime/ops/sequence/elementwise.h"

namespace fovea::seq2seq {
namespace {

using layers::Gradients;

class LuongDecoder : public Decoder {
 public:
  LuongDecoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape)
      : shape_(shape),
        attention_(store, w / "attention", {layers::ScoreKind::general, shape.decoder, shape.memory(), 0}),
        cell_(store, w / "cell",
              {.cell = ops::Cell::lstm,
               .inputs = shape.embedding + shape.attention,
               .hidden = shape.decoder,
               .single = true}),
        combine_(store, w / "combine", shape.attention, shape.memory() + shape.decoder),
        no_feed_(store.matrix(std::vector<float>(shape.attention), {1, shape.attention})) {}

  Tensor prepared_keys(Recorder& r, const Tensor& memory) const override {
    return attention_.prepared_keys(r, memory);
  }
  DecoderState first_state(Recorder& r, const Tensor& h0, const Tensor& c0) const override;
  uint32_t readout_width() const override { return shape_.attention; }

  StepRun step(Recorder& r, const Tensor& e, const DecoderState& before, const Memory& memory,
               bool save) const override {
    const uint32_t batch = e.shape[0];
    const Shape state{batch, 1, shape_.decoder};
    StepRun run;
    run.cell_input = ops::join_columns(r, {e, before.feed});
    const auto out = cell_(r,
                           {.x = run.cell_input.reshaped({batch, 1, run.cell_input.shape[1]}),
                            .h0 = before.h.reshaped(state),
                            .c0 = before.c.reshaped(state)},
                           save ? &run.saved : nullptr);
    run.state.h = out.hn.reshaped(before.h.shape);
    run.state.c = out.cn.reshaped(before.c.shape);
    run.query = attention_.prepared_queries(r, out.hn);
    const auto seen = attention_(r, run.query, memory.keys, memory.values, choice_of(memory));
    run.weights = seen.weights;
    run.combined = ops::join_columns(r, {seen.context, run.state.h});
    run.state.feed = run.readout = ops::hyperbolic(r, combine_(r, run.combined));
    return run;
  }

  Gradient backward(Recorder& r, const std::vector<StepRun>& steps, const Stack& before, const Memory& memory,
                    const Tensor& dreadout, Gradients& gradients) const override;

 private:
  Seq2SeqShape shape_;
  layers::SequenceAttention attention_;
  layers::Recurrent cell_;
  layers::Linear combine_;
  Tensor no_feed_;  // zeros [1, attention]
};

DecoderState LuongDecoder::first_state(Recorder& r, const Tensor& h0, const Tensor& c0) const {
  return {h0, c0, ops::repeat_row(r, no_feed_, h0.shape[0])};
}

Decoder::Gradient LuongDecoder::backward(Recorder& r, const std::vector<StepRun>& steps, const Stack&,
                                         const Memory& memory, const Tensor& dreadout,
                                         Gradients& gradients) const {
  const uint32_t count = static_cast<uint32_t>(steps.size()), batch = dreadout.shape[1];
  const uint32_t decoder = shape_.decoder, seen = shape_.memory(), embedding = shape_.embedding;
  const Stack readouts(r, dreadout);
  StepGradients kept(r, count);
  Tensor dh, dc, dfeed;  // by what a step begins with, from the steps after it
  for (uint32_t t = count; t-- > 0;) {
    const Tensor given = ops::take_columns(r, readouts.at(t), 0, shape_.attention);
    if (dfeed) ops::copy_columns(r, dfeed, 0, shape_.attention, given, 0, true);
    const Tensor dlinear = ops::hyperbolic_backward(r, steps[t].readout, given);
    const Tensor dcombined = combine_.backward(r, dlinear);  // by [context, state]
    const Tensor dcontext = ops::take_columns(r, dcombined, 0, seen),
                 dstate = ops::take_columns(r, dcombined, seen, decoder);
    const auto looked = kept.look(r, attention_, t, steps[t], memory, dcontext);
    ops::copy_columns(r, attention_.query_gradient(r, looked.dqueries), 0, decoder, dstate, 0, true);
    layers::Recurrent::OutputGradient out{.dy = dstate.reshaped({batch, 1, decoder})};
    if (dh) out.dhn = {dh};
    if (dc) out.dcn = {dc};
    const auto cell = cell_.step_backward(r, steps[t].saved, out);
    const Tensor de = ops::take_columns(r, cell.by_input.dx, 0, embedding);
    dfeed = ops::take_columns(r, cell.by_input.dx, embedding, shape_.attention);
    dh = cell.by_input.dh0.front();
    dc = cell.by_input.dc0.front();
    kept.keep(t, steps[t], cell, de);
    kept.put("combined", t, steps[t].combined);
    kept.put("dlinear", t, dlinear);
  }
  layers::add_linear(r, gradients, combine_, kept.all("combined"), kept.all("dlinear"));
  const Tensor dmemory = kept.finish(r, attention_, cell_, memory, gradients);
  return {dmemory, kept.all("de"), dh, dc};
}

}  // namespace

std::unique_ptr<Decoder> luong_decoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape) {
  return std::make_unique<LuongDecoder>(store, w, shape);
}

}  // namespace fovea::seq2seq
