// A text written token by token: a decoder's state on the device, and a step that is recorded once.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "models/model/model.h"
#include "models/model/writer.h"
#include "runtime/ops/nn/next_token.h"
#include "runtime/record/state.h"

namespace fovea {

// What a decoder remembers from step to step, for some rows: keys and values of its own tokens and of what it
// looks at, and how far each row is. Belongs to a device and outlives every run.
class DecoderState {
 public:
  // capacity: tokens of a row; keys: tokens of what is looked at.
  DecoderState(gpu::Device& device, const layers::TextStack& text, DType storage, uint32_t rows,
               uint32_t capacity, const std::vector<Shape>& kv);

  // Each row stands behind the first `tokens` − 1 of its prompt and reads the last one next. Rows from `used`
  // on count as ended.
  void start(std::span<const uint32_t> prompts, uint32_t tokens, uint32_t used);

  std::span<const Tensor> caches() const { return caches_; }
  std::span<const Tensor> kv() const { return kv_; }
  const ops::Progress& progress() const { return progress_; }
  uint32_t rows() const { return rows_; }

 private:
  uint32_t rows_;
  std::deque<State> states_;         // of the layers
  std::vector<Tensor> caches_, kv_;  // one a layer
  State token_, past_, seen_, finished_;
  ops::Progress progress_;
};

class Generation {
 public:
  struct Options {
    uint32_t rows = 1, prompt = 1, most = 1;   // prompt, most: tokens given, and written at most
    std::vector<std::optional<Shape>> inputs;  // of one image of each of the model's; empty where left out
    bool details = false;                      // keep logits and cross-attention of each step
    std::optional<size_t> from_device{};       // an input that another program writes, into input()
  };
  Generation(const LoadedModel& model, const Options& options);

  Tensor input(size_t i) const { return begin_.shared(inputs_.at(i)); }
  void write(size_t input, std::span<const float> values);
  void write(size_t input, std::span<const uint32_t> values);
  // Looks at the inputs, and stands before the first step. prompts [rows, prompt].
  void start(std::span<const uint32_t> prompts, uint32_t used);
  // Chooses a token for every row, pads in those that have ended; valid until the next step.
  std::span<const uint32_t> step();

  // Of the last step, with details.
  std::vector<float> logits() const { return step_.read_floats(logits_); }  // [rows, vocabulary]
  std::vector<float> cross(size_t layer) const {
    return step_.read_floats(cross_[layer]);
  }  // [rows, heads, 1, keys]
  std::vector<float> probabilities() const { return step_.read_floats(probabilities_); }  // [rows]
  // Where the text is about another text: how that one's last layer looked at the picture since start(),
  // [rows, heads, tokens, keys]; else empty.
  std::vector<float> memory_cross() const {
    return memory_cross_ ? begin_.read_floats(memory_cross_) : std::vector<float>();
  }
  const Shape& memory_cross_shape() const { return memory_cross_.shape; }
  size_t cross_layers() const { return cross_.size(); }
  const Shape& cross_shape(size_t layer) const { return cross_[layer].shape; }
  Writer::Ids ids() const { return writer_.ids(); }

 private:
  void record_begin(const LoadedModel& model);
  void record_step(const LoadedModel& model);

  const Writer& writer_;
  Options options_;
  std::vector<Tensor> inputs_;
  Tensor prompts_;
  std::optional<DecoderState> state_;
  Program begin_, step_;
  Tensor chosen_, logits_, probabilities_, memory_cross_;
  std::vector<Tensor> cross_;
  std::vector<uint32_t> tokens_;
};

}  // namespace fovea
