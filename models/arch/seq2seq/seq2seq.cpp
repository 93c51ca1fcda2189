// Encoder and decoder with attention between them, columns of a feature map to ids: teacher-forced, with its
// loss.
#include <string>
#include <utility>

#include "models/arch/seq2seq/parts.h"
#include "models/model/differentiable.h"
#include "models/model/family.h"
#include "models/model/step_writer.h"
#include "runtime/ops/sequence/cross_entropy.h"
#include "runtime/ops/sequence/elementwise.h"
#include "runtime/ops/sequence/inner_product.h"

namespace fovea {
namespace seq2seq {

Seq2SeqShape shape_of(const io::ModelConfig& config) {
  io::check_known_args(
      config, {"system", "input_size", "encoder_hidden", "decoder_hidden", "embedding_size", "vocab_size",
               "attention_size", "pad_id", "start_id", "end_id", "max_steps", "note", "seed"});
  const auto size = [&](const char* key) {
    return io::arg_uint(config.model_args, key, 0, config.file, 1, 1U << 18);
  };
  const uint32_t vocabulary = size("vocab_size");
  return {config.architecture == "seq2seq_lstm",
          size("input_size"),
          size("encoder_hidden"),
          size("decoder_hidden"),
          size("embedding_size"),
          vocabulary,
          size("attention_size"),
          io::arg_uint(config.model_args, "pad_id", 0, config.file, 0, vocabulary - 1)};
}

StepWriter::Ids ids_of(const io::ModelConfig& config, const Seq2SeqShape& shape) {
  const auto id = [&](const char* key, uint32_t fallback) {
    return io::arg_uint(config.model_args, key, fallback, config.file, 0, shape.vocabulary - 1);
  };
  return {id("start_id", 1), id("end_id", 2), shape.pad};
}

class Seq2Seq : public DifferentiableModel, public StepWriter {
 public:
  explicit Seq2Seq(const Loading& from)
      : DifferentiableModel(from),
        shape_(shape_of(from.config)),
        ids_(ids_of(from.config, shape_)),
        encoder_(store_, from.weights / "encoder", shape_),
        table_(
            store_.matrix((from.weights / "embedding").take("weight", {shape_.vocabulary, shape_.embedding}),
                          {shape_.vocabulary, shape_.embedding})),
        decoder_(shape_.luong ? luong_decoder(store_, from.weights, shape_)
                              : bahdanau_decoder(store_, from.weights, shape_)),
        out_(store_, from.weights / "out", shape_.vocabulary, decoder_->readout_width()) {
    declare(from);
  }

  void forward(Pass& pass) const override {
    Recorder& r = pass.recorder();
    const bool train = wants_loss(pass);
    const Encoder::Run encoded = encoder_(r, pass.input(input_), pass.input(lengths_), train);
    if (pass.wants(encoder_output_)) pass.give(encoder_output_, encoded.memory);
    if (pass.wants(decoder_h_0_)) pass.give(decoder_h_0_, encoded.h0);
    if (pass.wants(decoder_c_0_)) pass.give(decoder_c_0_, encoded.c0);
    if (!train && !pass.wants(logits_) && !pass.wants(weights_)) return;

    const Memory memory{encoded.memory, decoder_->prepared_keys(r, encoded.memory), pass.input(lengths_)};
    Taught run = teach(r, encoded, memory, pass.input(decoder_input_), train);
    if (pass.wants(logits_))
      pass.give(logits_, ops::swap_steps(r, run.logits));  // [batch, steps, vocabulary]
    if (pass.wants(weights_)) pass.give(weights_, ops::swap_steps(r, run.weights));
    if (train) backward(pass, encoded, memory, run);
  }

  const StepWriter* step_writer() const override { return this; }
  Ids ids() const override { return ids_; }
  Begun begin(Recorder& r, std::span<const Tensor> inputs) const override {
    const Encoder::Run run = encoder_(r, inputs[input_], inputs[lengths_], false);
    const DecoderState first = decoder_->first_state(r, run.h0, run.c0);
    return {{first.h, first.c, first.feed},
            {run.memory, decoder_->prepared_keys(r, run.memory), inputs[lengths_]}};
  }
  Step step(Recorder& r, const Tensor& ids, std::span<const Tensor> carried,
            std::span<const Tensor> seen) const override {
    const uint32_t batch = ids.shape[0];
    const Tensor e = ops::embed_ids(r, ids, table_).reshaped({batch, shape_.embedding});
    const StepRun run =
        decoder_->step(r, e, {carried[0], carried[1], carried[2]}, {seen[0], seen[1], seen[2]}, false);
    return {{run.state.h, run.state.c, run.state.feed},
            out_(r, run.readout),
            run.weights.reshaped({batch, run.weights.shape[2]})};
  }

 private:
  // Every step, given the id that should have come before it.
  struct Taught {
    std::vector<StepRun> steps;
    Tensor before, readouts, weights;  // [steps, batch, …]: states before each step
    Tensor logits;                     // [steps, batch, vocabulary]
  };
  Taught teach(Recorder& r, const Encoder::Run& encoded, const Memory& memory, const Tensor& ids,
               bool save) const {
    const uint32_t steps = ids.shape[1], batch = ids.shape[0];
    const Stack embedded(r, ops::embed_ids(r, ids, table_));
    const Stack before(r, steps, encoded.h0);
    const Stack readouts(r, r.temporary({steps, batch, decoder_->readout_width()}, table_.dtype, "readouts"));
    const Stack weights(r, r.temporary({steps, batch, memory.keys.shape[1]}, DType::f32, "weights of steps"));
    Taught out;
    DecoderState state = decoder_->first_state(r, encoded.h0, encoded.c0);
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

  // The loss is the mean cross entropy over targets that are no padding.
  void backward(Pass& pass, const Encoder::Run& encoded, const Memory& memory, const Taught& run) const {
    Recorder& r = pass.recorder();
    const ops::Loss loss = ops::cross_entropy(r, run.logits, pass.input(targets_), shape_.pad);
    layers::Gradients gradients;
    layers::add_linear(r, gradients, out_, run.readouts, loss.gradient);
    const auto decoded = decoder_->backward(r, run.steps, Stack(r, run.before), memory,
                                            out_.backward(r, loss.gradient), gradients);
    gradients["embedding.weight"] =
        ops::embed_ids_backward(r, pass.input(decoder_input_), decoded.de, shape_.vocabulary);
    gradients["input"] = encoder_.backward(r, encoded, decoded.dmemory, decoded.dh0, decoded.dc0, gradients);
    give_loss(pass, ops::total(r, loss.losses), gradients);
  }

  void declare(const Loading& from);

  Seq2SeqShape shape_;
  Ids ids_;
  Encoder encoder_;
  Tensor table_;  // [vocabulary, embedding]
  std::unique_ptr<Decoder> decoder_;
  layers::Linear out_;
  size_t input_ = 0, lengths_ = 0, decoder_input_ = 0, targets_ = 0;
  size_t encoder_output_ = no_output, decoder_h_0_ = no_output, decoder_c_0_ = no_output;
  size_t logits_ = no_output, weights_ = no_output;
};

void Seq2Seq::declare(const Loading& from) {
  input_ = declare_input({"input", "", DType::f32, {0, shape_.inputs}, {"steps", ""}});
  lengths_ = declare_input(
      {.name = "lengths", .alias = "", .type = DType::u32, .shape = {}, .optional = true, .up_to = "steps"});
  const auto declare_ids = [&](const char* name) {
    return declare_input({.name = name,
                          .alias = "",
                          .type = DType::u32,
                          .shape = {0},
                          .axes = {"decoder_steps"},
                          .optional = true,
                          .below = shape_.vocabulary});
  };
  decoder_input_ = declare_ids("decoder_input");
  targets_ = declare_ids("targets");
  encoder_output_ = declare_output("encoder_output");
  decoder_h_0_ = declare_output("decoder_h_0");
  if (shape_.luong) decoder_c_0_ = declare_output("decoder_c_0");
  const auto declare_taught = [&](const char* name) {
    return declare_output(
        {.name = name, .alias = "", .type = DType::f32, .shape = {}, .needs = {decoder_input_}});
  };
  logits_ = declare_taught("logits");
  weights_ = declare_taught("weights");
  declare_loss(from.weights, {"input"}, {decoder_input_, targets_});
}

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::system &&
         (config.architecture == "seq2seq_additive" || config.architecture == "seq2seq_lstm");
}

}  // namespace seq2seq

Family seq2seq_family() {
  return family<seq2seq::Seq2Seq>("sequence to sequence", "systems seq2seq_additive, seq2seq_lstm",
                                  &seq2seq::matches);
}

}  // namespace fovea
