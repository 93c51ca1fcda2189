#include "models/nn/stream.h"

#include "runtime/ops/nn/place_tokens.h"

namespace fovea::layers {
namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a && a.shape == b.shape && a.id == b.id && a.owner == b.owner && a.buffer == b.buffer &&
         a.offset == b.offset;
}

}  // namespace

bool is_stream(const AttentionTap& tap) {
  size_t softmaxes = 0;
  for (const AttentionRecord& record : tap.layers) {
    if (record.layer.kind == AttentionKind::attention_pool) continue;  // behind the stream
    if (record.layer.kind != AttentionKind::self_attention || record.groups != 1) return false;
    ++softmaxes;
  }
  if (softmaxes == 0 || tap.steps.size() != softmaxes) return false;
  for (size_t i = 0; i < tap.steps.size(); ++i) {
    const StepRun& run = tap.steps[i];
    if (run.layer != i || (i != 0 && !same(run.x, tap.steps[i - 1].y))) return false;
  }
  return true;
}

bool is_explained(const AttentionTap& tap) {
  return is_stream(tap) && tap.answer.head != nullptr && same(tap.answer.x, tap.steps.back().y);
}

ops::AttentionInput attention_of(const AttentionRecord& record, uint32_t rows) {
  ops::AttentionInput in = record.input;
  in.layout.queries = rows;
  return in;
}

StreamBackward::StreamBackward(const AttentionTap& tap, const Tensor& gradient)
    : tap_(tap), gradient_(gradient), step_(tap.steps.size()) {}

const HeadsGradient& StreamBackward::down(Recorder& r) {
  if (step_ < tap_.steps.size()) gradient_ = by_input(r);
  const StepRun& run = tap_.steps[--step_];
  const AttentionRecord& record = tap_.layers[run.layer];
  const uint32_t rows = gradient_.shape[1];
  at_.attention = attention_of(record, rows);
  at_.lse = record.lse;
  middle_ = run.step->middle(r, ops::leading_tokens(r, run.x, rows), at_.attention);
  dmiddle_ = run.step->middle_gradient(r, middle_.y, gradient_);
  at_.gradient = run.step->heads_gradient(r, at_.attention, middle_.o, dmiddle_, false);
  return at_;
}

// The head reads few tokens, so that the gradients of the others are zero in the last step, down to its
// attention.
Tensor StreamBackward::by_input(Recorder& r) const {
  const StepRun& run = tap_.steps[step_];
  const AttentionRecord& record = tap_.layers[run.layer];
  const uint32_t rows = dmiddle_.shape[1], tokens = run.x.shape[1];
  const auto whole = [&](const Tensor& t) {
    return rows == tokens ? t : ops::place_tokens(r, t, {.tokens = tokens, .count = rows});
  };
  return run.step->input_gradient(r, run.x, attention_of(record, tokens), {whole(middle_.o), at_.lse},
                                  whole(at_.gradient), whole(dmiddle_));
}

}  // namespace fovea::layers
