// Words and short lines, read character by character: a stem of convolutions; a GRU that goes over its
// columns from both ends; and a decoder that looks at cells, with additive attention (Bahdanau et al. 2015).
// Forward only: it is trained elsewhere.
#include <fmt/format.h>

#include "fovea/error.h"
#include "models/arch/fovea_reader/stem.h"
#include "models/arch/seq2seq/id_decoder.h"
#include "models/model/family.h"
#include "models/nn/layout.h"
#include "runtime/ops/sequence/elementwise.h"

namespace fovea {
namespace reader {

using seq2seq::Encoder;
using seq2seq::IdDecoder;
using seq2seq::Seq2SeqShape;

Seq2SeqShape known_shape(const io::ModelConfig& config) {
  io::check_known_args(
      config, {"system", "input_height", "input_width", "strides", "column_size", "encoder_hidden",
               "decoder_hidden", "embedding_size", "attention_size", "vocab_size", "pad_id", "start_id",
               "end_id", "max_steps", "characters", "mean", "std", "note", "seed"});
  for (const char* key : {"input_height", "input_width", "max_steps", "mean", "std"})
    if (!config.model_args.gives(key))
      throw Error(ErrorKind::file, fmt::format("[config] {}: has no {}", config.file.string(), key));
  static_cast<void>(io::character_ids(config.model_args, config.file));
  return seq2seq::shape_of(config, "column_size");
}

class Reader : public LoadedModel, public StepWriter {
 public:
  explicit Reader(const Loading& from)
      : LoadedModel(from),
        shape_(known_shape(from.config)),
        ids_(seq2seq::ids_of(from.config)),
        most_(io::arg_uint(from.config.model_args, "max_steps", 0, from.config.file, 1, 4096)),
        stem_(store_, from.weights / "stem", strides_of(from.config), preprocess_.height, preprocess_.width),
        columns_(store_, from.weights / "columns", shape_.inputs, stem_),
        encoder_(store_, from.weights / "encoder", shape_),
        memory_(store_, from.weights, shape_.memory(), stem_),
        decoder_(store_, from.weights, shape_) {}

  void forward(Pass& pass) const override {
    Recorder& r = pass.recorder();
    const Tensor cells = stem_(r, pass.input(pixels_));
    if (pass.wants(features_))
      pass.give(features_,
                layers::channels_first(
                    r, cells.reshaped({cells.shape[0], stem_.rows() * stem_.cols(), stem_.channels()}),
                    stem_.rows(), stem_.cols()));
    const bool teaches = pass.wants(logits_) || pass.wants(weights_);
    if (!teaches && !pass.wants(encoder_output_) && !pass.wants(decoder_h_0_)) return;
    const Read read = look(r, cells);
    if (pass.wants(encoder_output_)) pass.give(encoder_output_, read.cells);
    if (pass.wants(decoder_h_0_)) pass.give(decoder_h_0_, read.columns.h0);
    if (!teaches) return;

    const IdDecoder::Taught run = decoder_.teach(r, read.columns, decoder_.memory(r, read.cells, {}),
                                                 pass.input(decoder_input_), false);
    if (pass.wants(logits_))
      pass.give(logits_, ops::swap_steps(r, run.logits));  // [images, steps, vocabulary]
    if (pass.wants(weights_)) pass.give(weights_, ops::swap_steps(r, run.weights));
  }

  const StepWriter* step_writer() const override { return this; }
  Ids ids() const override { return ids_; }
  TextTask task() const override { return TextTask::read; }
  uint32_t vocabulary() const override { return shape_.vocabulary; }
  uint32_t most() const override { return most_; }
  Cells cells() const override { return {stem_.rows(), stem_.cols()}; }
  Begun begin(Recorder& r, std::span<const Tensor> inputs) const override {
    const Read read = look(r, stem_(r, inputs[pixels_]));
    return decoder_.begin(r, read.columns, decoder_.memory(r, read.cells, {}));
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
  struct Read {
    Encoder::Run columns;  // its memory [images, cols, 2 · encoder]
    Tensor cells;          // [images, rows · cols, 2 · encoder]
  };
  Read look(Recorder& r, const Tensor& cells) const {
    Read out;
    out.columns = encoder_(r, columns_(r, cells), {}, false);
    out.cells = memory_(r, cells, out.columns.memory);
    return out;
  }

  Seq2SeqShape shape_;
  Ids ids_;
  uint32_t most_;
  const size_t pixels_ = declare_pixels(),
               decoder_input_ = declare_words("decoder_input", "decoder_steps", shape_.vocabulary);
  const size_t features_ = declare_features(), encoder_output_ = declare_output("encoder_output"),
               decoder_h_0_ = declare_output("decoder_h_0"),
               logits_ = declare_output_from("logits", decoder_input_),
               weights_ = declare_output_from("weights", decoder_input_);
  Stem stem_;
  Columns columns_;
  Encoder encoder_;
  CellMemory memory_;
  IdDecoder decoder_;
};

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::system && config.architecture == "fovea_reader";
}

}  // namespace reader

Family fovea_reader_family() {
  return family<reader::Reader>("reader of words", "system fovea_reader", &reader::matches);
}

}  // namespace fovea
