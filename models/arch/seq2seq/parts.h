// What both sequence-to-sequence systems are made of.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "models/config/config.h"
#include "models/model/id_writer.h"
#include "models/nn/recurrent.h"
#include "models/nn/sequence_attention.h"

namespace fovea::seq2seq {

struct Seq2SeqShape {
  bool luong =
      false;  // feeds its context on (Luong et al. 2015); else asks with the state before (Bahdanau 2015)
  uint32_t inputs = 0, encoder = 0, decoder = 0, embedding = 0, vocabulary = 0, attention = 0;
  uint32_t pad = 0;
  ops::Cell cell() const { return luong ? ops::Cell::lstm : ops::Cell::gru; }
  uint32_t memory() const { return 2 * encoder; }
};
// As the configuration has them; `inputs`: its key for the size of what the encoder reads.
Seq2SeqShape shape_of(const io::ModelConfig& config, const char* inputs);
IdWriter::Ids ids_of(const io::ModelConfig& config);

// Rows of steps, those of one step together: [steps, batch, width].
class Stack {
 public:
  Stack(Recorder& r, uint32_t steps, const Tensor& of_a_step);
  Stack(Recorder& r, const Tensor& all) : r_(&r), all_(all) {}
  void put(uint32_t step, const Tensor& x) const { r_->copy(x, all_.slice(step, 1)); }
  Tensor at(uint32_t step) const;  // [batch, width]
  const Tensor& all() const { return all_; }
  Tensor rows_first() const;  // [batch, steps, width]

 private:
  Recorder* r_;
  Tensor all_;
};

// A bidirectional layer over the inputs, and what the decoder begins with: tanh of a linear layer of its last
// states.
class Encoder {
 public:
  Encoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape);

  struct Run {
    Tensor memory;          // [batch, steps, 2 · encoder], zeros beyond a row's length
    Tensor h0, c0;          // [batch, decoder]; c0 of LSTM alone
    Tensor last_h, last_c;  // [batch, 2 · encoder]
    layers::Recurrent::Saved saved;
  };
  Run operator()(Recorder& r, const Tensor& x, const Tensor& lengths, bool save) const;
  // By the inputs.
  Tensor backward(Recorder& r, const Run& run, const Tensor& dmemory, const Tensor& dh0, const Tensor& dc0,
                  layers::Gradients& gradients) const;

 private:
  std::vector<Tensor> bridge_backward(Recorder& r, const layers::Linear& bridge, const Tensor& last,
                                      const Tensor& first, const Tensor& dfirst,
                                      layers::Gradients& gradients) const;

  uint32_t hidden_;
  layers::Recurrent rnn_;
  layers::Linear bridge_h_;
  std::optional<layers::Linear> bridge_c_;
};

// What a decoder carries from step to step: [batch, …].
struct DecoderState {
  Tensor h, c, feed;  // c and feed of Luong's alone
};

// What decoders look at.
struct Memory {
  Tensor values, keys;  // [batch, steps, …], keys as the attention prepared them
  Tensor lengths;
};

// One step of a decoder, with what its gradient needs.
struct StepRun {
  DecoderState state;           // after it
  Tensor query, weights;        // prepared [batch, 1, …]; f32 [batch, 1, keys]
  Tensor cell_input, combined;  // combined: what Luong's combining layer read
  Tensor readout;               // [batch, width] that logits are made of
  layers::Recurrent::Saved saved;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual Tensor prepared_keys(Recorder& r, const Tensor& memory) const = 0;
  virtual DecoderState first_state(Recorder& r, const Tensor& h0, const Tensor& c0) const = 0;
  // e [batch, embedding] of the id before.
  virtual StepRun step(Recorder& r, const Tensor& e, const DecoderState& before, const Memory& memory,
                       bool save) const = 0;
  virtual uint32_t readout_width() const = 0;
  // The columns of a readout that are the context, a sum over keys; none where it is mixed with others.
  struct Columns {
    uint32_t first = 0, count = 0;
  };
  virtual std::optional<Columns> context_columns() const { return std::nullopt; }

  // Gradients of a run of steps, all f32, from that by the readouts [steps, batch, width].
  struct Gradient {
    Tensor dmemory;  // [batch, keys, …]
    Tensor de;       // [steps, batch, embedding]
    Tensor dh0, dc0;
  };
  virtual Gradient backward(Recorder& r, const std::vector<StepRun>& steps, const Stack& before,
                            const Memory& memory, const Tensor& dreadout,
                            layers::Gradients& gradients) const = 0;
};

std::unique_ptr<Decoder> bahdanau_decoder(WeightStore& store, const io::Weights& w,
                                          const Seq2SeqShape& shape);
std::unique_ptr<Decoder> luong_decoder(WeightStore& store, const io::Weights& w, const Seq2SeqShape& shape);

}  // namespace fovea::seq2seq
