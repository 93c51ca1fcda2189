#include "models/arch/seq2seq/id_decoder.h"

#include "runtime/ops/maps/channel_dot.h"
#include "runtime/ops/maps/class_direction.h"
#include "runtime/ops/sequence/copy_columns.h"
#include "runtime/ops/sequence/elementwise.h"

namespace fovea::seq2seq {

IdDecoder::IdDecoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape)
    : table_(store.matrix((w / "embedding").take("weight", {shape.vocabulary, shape.embedding}),
                          {shape.vocabulary, shape.embedding})),
      decoder_(shape.luong ? luong_decoder(store, w, shape) : bahdanau_decoder(store, w, shape)),
      out_(store, w / "out", shape.vocabulary, decoder_->readout_width()) {}

Memory IdDecoder::memory(Recorder& r, const Tensor& values, const Tensor& lengths) const {
  return {values, decoder_->prepared_keys(r, values), lengths};
}

IdDecoder::Taught IdDecoder::teach(Recorder& r, const Encoder::Run& from, const Memory& memory,
                                   const Tensor& ids, bool save) const {
  const uint32_t steps = ids.shape[1], batch = ids.shape[0];
  const Stack embedded(r, ops::embed_ids(r, ids, table_));
  const Stack before(r, steps, from.h0);
  const Stack readouts(r, r.temporary({steps, batch, decoder_->readout_width()}, table_.dtype, "readouts"));
  const Stack weights(r, r.temporary({steps, batch, memory.keys.shape[1]}, DType::f32, "weights of steps"));
  Taught out;
  DecoderState state = decoder_->first_state(r, from.h0, from.c0);
  for (uint32_t t = 0; t < steps; ++t) {
    before.put(t, state.h);
    out.steps.push_back(decoder_->step(r, embedded.at(t), state, memory, save));
    readouts.put(t, out.steps.back().readout);
    weights.put(t, out.steps.back().weights);
    state = out.steps.back().state;
  }
  out.before = before.all();
  out.readouts = readouts.all();
  out.weights = weights.all();
  out.logits = out_(r, out.readouts);
  return out;
}

Decoder::Gradient IdDecoder::backward(Recorder& r, const Taught& run, const Memory& memory, const Tensor& ids,
                                      const Tensor& dlogits, layers::Gradients& gradients) const {
  layers::add_linear(r, gradients, out_, run.readouts, dlogits);
  Decoder::Gradient out =
      decoder_->backward(r, run.steps, Stack(r, run.before), memory, out_.backward(r, dlogits), gradients);
  gradients["embedding.weight"] = ops::embed_ids_backward(r, ids, out.de, table_.shape[0]);
  return out;
}

StepWriter::Begun IdDecoder::begin(Recorder& r, const Encoder::Run& from, const Memory& memory) const {
  const DecoderState first = decoder_->first_state(r, from.h0, from.c0);
  return {{first.h, first.c, first.feed}, {memory.values, memory.keys, memory.lengths}};
}

StepWriter::Step IdDecoder::step(Recorder& r, const Tensor& ids, std::span<const Tensor> carried,
                                 std::span<const Tensor> seen) const {
  const uint32_t batch = ids.shape[0];
  const Tensor e = ops::embed_ids(r, ids, table_).reshaped({batch, table_.shape[1]});
  const StepRun run =
      decoder_->step(r, e, {carried[0], carried[1], carried[2]}, {seen[0], seen[1], seen[2]}, false);
  return {{run.state.h, run.state.c, run.state.feed},
          out_(r, run.readout),
          run.weights.reshaped({batch, run.weights.shape[2]})};
}

Tensor IdDecoder::evidence(Recorder& r, const Tensor& chosen, std::span<const Tensor> seen) const {
  const Decoder::Columns context = decoder_->context_columns().value();
  ops::ClassDirectionCase c;
  c.head = out_.weights();
  c.classes = chosen;
  const Tensor direction = ops::take_columns(r, ops::class_direction(r, c), context.first, context.count);
  return ops::channel_dot(r, seen[0], direction);
}

}  // namespace fovea::seq2seq
