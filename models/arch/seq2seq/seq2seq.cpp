// Encoder and decoder with attention between them, columns of a feature map to ids: teacher-forced, with its
// loss.
#include "models/arch/seq2seq/id_decoder.h"
#include "models/arch/seq2seq/parts.h"
#include "models/model/differentiable.h"
#include "models/model/family.h"
#include "runtime/ops/sequence/cross_entropy.h"
#include "runtime/ops/sequence/elementwise.h"
#include "runtime/ops/sequence/inner_product.h"

namespace fovea {
namespace seq2seq {

Seq2SeqShape known_shape(const io::ModelConfig& config) {
  io::check_known_args(
      config, {"system", "input_size", "encoder_hidden", "decoder_hidden", "embedding_size", "vocab_size",
               "attention_size", "pad_id", "start_id", "end_id", "max_steps", "note", "seed"});
  return shape_of(config, "input_size");
}

class Seq2Seq : public DifferentiableModel, public StepWriter {
 public:
  explicit Seq2Seq(const Loading& from)
      : DifferentiableModel(from),
        shape_(known_shape(from.config)),
        ids_(ids_of(from.config)),
        encoder_(store_, from.weights / "encoder", shape_),
        decoder_(store_, from.weights, shape_) {
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

    const Memory memory = decoder_.memory(r, encoded.memory, pass.input(lengths_));
    const IdDecoder::Taught run = decoder_.teach(r, encoded, memory, pass.input(decoder_input_), train);
    if (pass.wants(logits_))
      pass.give(logits_, ops::swap_steps(r, run.logits));  // [batch, steps, vocabulary]
    if (pass.wants(weights_)) pass.give(weights_, ops::swap_steps(r, run.weights));
    if (train) backward(pass, encoded, memory, run);
  }

  const StepWriter* step_writer() const override { return this; }
  Ids ids() const override { return ids_; }
  uint32_t vocabulary() const override { return shape_.vocabulary; }
  Begun begin(Recorder& r, std::span<const Tensor> inputs) const override {
    const Encoder::Run run = encoder_(r, inputs[input_], inputs[lengths_], false);
    return decoder_.begin(r, run, decoder_.memory(r, run.memory, inputs[lengths_]));
  }
  Step step(Recorder& r, const Tensor& ids, std::span<const Tensor> carried,
            std::span<const Tensor> seen) const override {
    return decoder_.step(r, ids, carried, seen);
  }
  bool has_evidence() const override { return decoder_.has_evidence(); }
  Tensor evidence(Recorder& r, const Tensor& chosen, std::span<const Tensor> seen) const override {
    return decoder_.evidence(r, chosen, seen);
  }

 private:
  // The loss is the mean cross entropy over targets that are no padding.
  void backward(Pass& pass, const Encoder::Run& encoded, const Memory& memory,
                const IdDecoder::Taught& run) const {
    Recorder& r = pass.recorder();
    const ops::Loss loss = ops::cross_entropy(r, run.logits, pass.input(targets_), shape_.pad);
    layers::Gradients gradients;
    const Decoder::Gradient decoded =
        decoder_.backward(r, run, memory, pass.input(decoder_input_), loss.gradient, gradients);
    gradients["input"] = encoder_.backward(r, encoded, decoded.dmemory, decoded.dh0, decoded.dc0, gradients);
    give_loss(pass, ops::total(r, loss.losses), gradients);
  }

  void declare(const Loading& from);

  Seq2SeqShape shape_;
  Ids ids_;
  Encoder encoder_;
  IdDecoder decoder_;
  size_t input_ = 0, lengths_ = 0, decoder_input_ = 0, targets_ = 0;
  size_t encoder_output_ = no_output, decoder_h_0_ = no_output, decoder_c_0_ = no_output;
  size_t logits_ = no_output, weights_ = no_output;
};

void Seq2Seq::declare(const Loading& from) {
  input_ = declare_input({"input", "", DType::f32, {0, shape_.inputs}, {"steps", ""}});
  lengths_ = declare_lengths("steps");
  decoder_input_ = declare_words("decoder_input", "decoder_steps", shape_.vocabulary);
  targets_ = declare_words("targets", "decoder_steps", shape_.vocabulary);
  encoder_output_ = declare_output("encoder_output");
  decoder_h_0_ = declare_output("decoder_h_0");
  if (shape_.luong) decoder_c_0_ = declare_output("decoder_c_0");
  logits_ = declare_output_from("logits", decoder_input_);
  weights_ = declare_output_from("weights", decoder_input_);
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
