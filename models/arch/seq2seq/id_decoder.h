// A decoder among ids: a row of a table for the id before goes in, scores of the next one come out.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/arch/seq2seq/parts.h"
#include "models/model/step_writer.h"

namespace fovea::seq2seq {

class IdDecoder {
 public:
  // embedding, out and the decoder's own.
  IdDecoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape);

  // values [batch, keys, …]; lengths u32 [batch], or empty.
  Memory memory(Recorder& r, const Tensor& values, const Tensor& lengths) const;

  // Every step, given the id that should have come before it.
  struct Taught {
    std::vector<StepRun> steps;
    Tensor before, readouts, weights;  // [steps, batch, …]: states before each step
    Tensor logits;                     // [steps, batch, vocabulary]
  };
  // ids u32 [batch, steps]; h0 and c0 as the encoder gives them.
  Taught teach(Recorder& r, const Encoder::Run& from, const Memory& memory, const Tensor& ids,
               bool save) const;
  // From the gradient by logits; those by parameters are added.
  Decoder::Gradient backward(Recorder& r, const Taught& run, const Memory& memory, const Tensor& ids,
                             const Tensor& dlogits, layers::Gradients& gradients) const;

  StepWriter::Begun begin(Recorder& r, const Encoder::Run& from, const Memory& memory) const;
  StepWriter::Step step(Recorder& r, const Tensor& ids, std::span<const Tensor> carried,
                        std::span<const Tensor> seen) const;
  // As StepWriter has them.
  bool has_evidence() const { return decoder_->context_columns().has_value(); }
  Tensor evidence(Recorder& r, const Tensor& chosen, std::span<const Tensor> seen) const;

 private:
  Tensor table_;  // [vocabulary, embedding]
  std::unique_ptr<Decoder> decoder_;
  layers::Linear out_;
};

}  // namespace fovea::seq2seq
