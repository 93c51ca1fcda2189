// A text written token by token: a decoder's state on the device, and a step that is recorded once.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "fovea/token_choice.h"
#include "models/model/model.h"
#include "models/model/writer.h"
#include "runtime/ops/nn/next_token.h"
#include "runtime/record/state.h"

namespace fovea {

// What a decoder remembers from step to step, for some rows: keys and values of its own tokens and of what it
// looks at, and how far each row is. Rows that are beams of one picture look at the same keys. Belongs to a
// device and outlives every run.
class DecoderState {
 public:
  // capacity: tokens of a row; keys: tokens of what is looked at.
  DecoderState(gpu::Device& device, const layers::TextStack& text, DType storage, uint32_t rows,
               uint32_t capacity, const std::vector<Shape>& kv);

  // Each row stands behind the first `tokens` − 1 of its prompt and reads the last one next. Rows from `used`
  // on count as ended. Of every `beams` rows the first alone is gone on with at the first step. Row i draws
  // with the number first + i.
  void start(std::span<const uint32_t> prompts, uint32_t tokens, uint32_t used, const TokenChoice& choice,
             uint32_t first);

  std::span<const Tensor> caches() const { return caches_; }
  std::span<const Tensor> kv() const { return kv_; }
  const ops::Progress& progress() const { return progress_; }
  const Tensor& chance() const { return chance_.tensor(); }  // ops::Draw::chance
  const Tensor& sums() const { return sums_.tensor(); }      // f32 [rows], of logarithms of probabilities
  uint32_t rows() const { return rows_; }

 private:
  uint32_t rows_;
  std::deque<State> states_;         // of the layers
  std::vector<Tensor> caches_, kv_;  // one a layer
  State token_, past_, seen_, finished_, chance_, sums_;
  ops::Progress progress_;
};

// A continuation that a step of beams found.
struct BeamCandidate {
  uint32_t id = 0, beam = 0;  // the token, and which of its picture's beams it goes on
  float sum = 0, log = 0;     // of the logarithms of probabilities so far, and its own
};

// How a choice is refused that makes no sense; vocabulary: tokens that there are.
void check_choice(const TokenChoice& choice, uint32_t vocabulary, const char* operation);

class Generation {
 public:
  struct Options {
    uint32_t pictures = 1, prompt = 1, most = 1;  // prompt, most: tokens given, and written at most
    std::vector<std::optional<Shape>> inputs;     // of one image of each of the model's; empty where left out
    bool details = false;                         // keep the cross-attention of each step,
    bool logits = false;                          // and the logits
    std::optional<size_t> from_device{};          // an input that another program writes, into input()
    TokenChoice choice{};
    bool profile = false;
  };
  Generation(const LoadedModel& model, const Options& options);

  Tensor input(size_t i) const { return begin_.shared(inputs_.at(i)); }
  std::vector<Tensor> inputs() const;  // all; empty ones where there is none
  void write(size_t input, std::span<const float> values);
  void write(size_t input, std::span<const uint32_t> values);
  // Looks at the inputs, and stands before the first step. prompts [pictures, prompt]; `used` pictures count,
  // the first of which has this number.
  void start(std::span<const uint32_t> prompts, uint32_t used, uint32_t first = 0);
  // Without beams: chooses a token for every row, pads in those that have ended; valid until the next step.
  std::span<const uint32_t> step();
  // With beams: goes on with the best of all continuations and gives twice as many as there are beams of
  // every picture, best first; the beams are the first of them that are no ends. Valid until the next step.
  std::span<const BeamCandidate> step_beams();

  // Of the last step. A row is a picture, or one of its beams.
  std::vector<float> logits() const;  // [rows, vocabulary], with Options::logits
  std::vector<float> cross(size_t layer) const {
    return step_.read_floats(cross_[layer]);
  }  // [pictures, heads, beams, keys], with Options::details
  std::vector<float> probabilities() const { return step_.read_floats(probabilities_); }  // [rows], no beams
  // Where the text is about another text: how that one's last layer looked at the picture since start(),
  // [pictures, heads, tokens, keys]; else empty.
  std::vector<float> memory_cross() const {
    return memory_cross_ ? begin_.read_floats(memory_cross_) : std::vector<float>();
  }
  const Shape& memory_cross_shape() const { return memory_cross_.shape; }
  size_t cross_layers() const { return cross_.size(); }
  const Shape& cross_shape(size_t layer) const { return cross_[layer].shape; }
  uint32_t vocabulary() const { return writer_.text().vocabulary(); }
  Writer::Ids ids() const { return writer_.ids(); }
  const Options& options() const { return options_; }
  // Of the last step, with Options::profile.
  std::vector<DispatchTime> step_times() const { return step_.dispatch_times(); }

 private:
  void record_begin(const LoadedModel& model);
  void record_step(const LoadedModel& model);
  void record_choice(Recorder& r);

  const Writer& writer_;
  Options options_;
  uint32_t rows_;
  std::vector<Tensor> inputs_;
  Tensor prompts_;
  std::optional<DecoderState> state_;
  Program begin_, step_;
  Tensor chosen_, candidates_, scores_, probabilities_, memory_cross_;
  std::vector<Tensor> cross_;
  std::vector<uint32_t> tokens_;
  std::vector<BeamCandidate> found_;
};

}  // namespace fovea
