// Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and Translate": the state
// before a step asks where to look, and what is seen goes into the cell.
#include "models/arch/seq2seq/parts.h"
#include "models/arch/seq2seq/steps_backward.h"
#include "runtime/ops/sequence/copy_columns.h"

namespace fovea::seq2seq {
namespace {

using layers::Gradients;

class BahdanauDecoder : public Decoder {
 public:
  BahdanauDecoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape)
      : shape_(shape),
        attention_(store, w / "attention",
                   {layers::ScoreKind::additive, shape.decoder, shape.memory(), shape.attention}),
        cell_(store, w / "cell",
              {.cell = ops::Cell::gru,
               .inputs = shape.embedding + shape.memory(),
               .hidden = shape.decoder,
               .single = true}) {}

  Tensor prepared_keys(Recorder& r, const Tensor& memory) const override {
    return attention_.prepared_keys(r, memory);
  }
  DecoderState first_state(Recorder&, const Tensor& h0, const Tensor&) const override { return {h0, {}, {}}; }
  uint32_t readout_width() const override { return shape_.decoder + shape_.memory() + shape_.embedding; }
  std::optional<Columns> context_columns() const override { return Columns{shape_.decoder, shape_.memory()}; }

  StepRun step(Recorder& r, const Tensor& e, const DecoderState& before, const Memory& memory,
               bool save) const override {
    const uint32_t batch = e.shape[0];
    StepRun run;
    run.query = attention_.prepared_queries(r, before.h.reshaped({batch, 1, shape_.decoder}));
    const auto seen = attention_(r, run.query, memory.keys, memory.values, choice_of(memory));
    run.weights = seen.weights;
    run.cell_input = ops::join_columns(r, {e, seen.context});
    const auto out = cell_(r,
                           {.x = run.cell_input.reshaped({batch, 1, run.cell_input.shape[1]}),
                            .h0 = before.h.reshaped({batch, 1, shape_.decoder})},
                           save ? &run.saved : nullptr);
    run.state.h = out.hn.reshaped(before.h.shape);
    run.readout = ops::join_columns(r, {run.state.h, seen.context, e});
    return run;
  }

  Gradient backward(Recorder& r, const std::vector<StepRun>& steps, const Stack& before, const Memory& memory,
                    const Tensor& dreadout, Gradients& gradients) const override {
    const uint32_t count = static_cast<uint32_t>(steps.size()), batch = dreadout.shape[1];
    const uint32_t decoder = shape_.decoder, seen = shape_.memory(), embedding = shape_.embedding;
    const Stack readouts(r, dreadout);
    StepGradients kept(r, count);
    Tensor dh;  // by the state that a step begins with, from the steps after it
    for (uint32_t t = count; t-- > 0;) {
      const Tensor given = readouts.at(t);  // by [state, context, embedding]
      const Tensor dstate = ops::take_columns(r, given, 0, decoder),
                   dcontext = ops::take_columns(r, given, decoder, seen),
                   de = ops::take_columns(r, given, decoder + seen, embedding);
      const auto cell = cell_.step_backward(
          r, steps[t].saved,
          {.dy = dstate.reshaped({batch, 1, decoder}), .dhn = dh ? std::vector{dh} : std::vector<Tensor>{}});
      const Tensor& dinput = cell.by_input.dx;
      ops::copy_columns(r, dinput, 0, embedding, de, 0, true);
      ops::copy_columns(r, dinput, embedding, seen, dcontext, 0, true);
      dh = cell.by_input.dh0.front();
      const auto looked = kept.look(r, attention_, t, steps[t], memory, dcontext);
      ops::copy_columns(r, attention_.query_gradient(r, looked.dqueries), 0, decoder, dh, 0, true);
      kept.keep(t, steps[t], cell, de);
      kept.put("dquery", t, looked.dqueries);
      kept.put("denergy", t, looked.denergy);
    }
    const Tensor dmemory = kept.finish(r, attention_, cell_, memory, gradients);
    attention_.unprepared_queries(r, before.all(), kept.all("dquery"), gradients);
    attention_.add_energy(r, kept.all("denergy"), gradients);
    return {dmemory, kept.all("de"), dh, {}};
  }

 private:
  Seq2SeqShape shape_;
  layers::SequenceAttention attention_;
  layers::Recurrent cell_;
};

}  // namespace

std::unique_ptr<Decoder> bahdanau_decoder(WeightStore& store, const io::Weights& w,
                                          const Seq2SeqShape& shape) {
  return std::make_unique<BahdanauDecoder>(store, w, shape);
}

}  // namespace fovea::seq2seq
