// A sequence that a recurrent model writes, an id a step.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "fovea/token_choice.h"
#include "models/model/model.h"
#include "models/model/step_writer.h"
#include "runtime/record/state.h"

namespace fovea {

// Recorded once for some rows; a step is a replay, and its state stays on the device.
class WriteSteps {
 public:
  // inputs: of one image of each of the model's, none for those left out; from_device: one that another
  // program writes, into input().
  WriteSteps(const LoadedModel& model, uint32_t rows, const std::vector<std::optional<Shape>>& inputs,
             std::optional<size_t> from_device = std::nullopt);

  Tensor input(size_t i) const { return begin_.shared(inputs_.at(i)); }
  void write(size_t input, std::span<const float> values);
  void write(size_t input, std::span<const uint32_t> values);
  const std::vector<Tensor>& seen() const { return seen_; }  // as StepWriter::step has it
  // Reads the inputs and stands before the first step.
  void start() { begin_.run(); }
  // The best id of every row behind these ones; valid until the next step.
  std::span<const uint32_t> step(std::span<const uint32_t> before);

  std::vector<float> logits() const {
    return step_.read_floats(logits_);
  }  // [rows, vocabulary], of the last step
  std::vector<float> weights() const { return step_.read_floats(weights_); }  // [rows, keys]
  std::vector<float> probabilities() const {
    return step_.read_floats(probabilities_);
  }  // [rows], of the best

 private:
  std::vector<Tensor> kept(Recorder& r, const LoadedModel& model, const std::vector<Tensor>& tensors);
  void record_step(const LoadedModel& model, const StepWriter& writer, const std::vector<Tensor>& carried);

  uint32_t rows_;
  std::vector<Tensor> inputs_, seen_;
  std::deque<State> states_;
  Program begin_, step_;
  Tensor ids_, chosen_, logits_, weights_, probabilities_;
  std::vector<uint32_t> best_;
};

// Throws Error(usage) for any choice but the best id of each step.
void require_best(const LoadedModel& model, const TokenChoice& choice, const char* operation);

}  // namespace fovea
