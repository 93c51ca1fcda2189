#include "models/tasks/recurrent_tokens.h"

#include <algorithm>

namespace fovea {

RecurrentTokens::RecurrentTokens(const LoadedModel& model) : model_(model) {
  const StepWriter& writer = *model.step_writer();
  traits_.ids = writer.ids();
  traits_.vocabulary = writer.vocabulary();
  traits_.rows = writer.cells().rows;
  traits_.cols = writer.cells().cols;
  // The picture is what may not be left out.
  while (model.inputs().at(pixels_).optional) ++pixels_;
}

uint32_t RecurrentTokens::record(uint32_t, uint32_t most) {
  evidence_.reset();
  steps_.reset();
  std::vector<std::optional<Shape>> inputs(model_.inputs().size());
  inputs[pixels_] = model_.inputs()[pixels_].shape;
  steps_.emplace(model_, 1, inputs, pixels_);
  return std::min(most, model_.step_writer()->most());
}

void RecurrentTokens::start(std::span<const uint32_t>) {
  steps_->start();
  last_ = traits_.ids.start;
}

std::optional<TokenSource::Token> RecurrentTokens::next() {
  last_ = steps_->step({&last_, 1})[0];
  return Token{last_, steps_->probabilities()[0]};
}

RecurrentTokens::Evidence RecurrentTokens::record_evidence() const {
  Recorder r(model_.device().impl());
  Evidence out;
  out.chosen = r.input({1, 1}, DType::u32, "chosen");
  out.values = model_.step_writer()->evidence(r, out.chosen, steps_->seen());
  r.output(out.values);
  out.program = r.finish();
  return out;
}

std::vector<float> RecurrentTokens::looked(const TokenMapRequest& request) {
  std::vector<float> out = steps_->weights();
  if (request.method == MapMethod::raw) return out;
  if (!evidence_) evidence_ = record_evidence();
  evidence_->program.write(evidence_->chosen, std::as_bytes(std::span(&last_, 1)));
  evidence_->program.run();
  const std::vector<float> each = evidence_->program.read_floats(evidence_->values);
  for (size_t i = 0; i < out.size(); ++i) out[i] *= each[i];
  return out;
}

}  // namespace fovea
