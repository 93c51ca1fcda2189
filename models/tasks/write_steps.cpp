#include "models/tasks/write_steps.h"

#include <fmt/format.h>

#include "core/floats.h"
#include "fovea/error.h"
#include "models/tasks/recorded_inputs.h"
#include "runtime/ops/nn/softmax_topk.h"

namespace fovea {

WriteSteps::WriteSteps(const LoadedModel& model, uint32_t rows,
                       const std::vector<std::optional<Shape>>& inputs, std::optional<size_t> from_device)
    : rows_(rows), best_(rows) {
  const StepWriter& writer = *model.step_writer();
  Recorder r(model.device().impl());
  inputs_ = record_inputs(r, model, rows, inputs, [&](size_t i) { return from_device != i; });
  const StepWriter::Begun begun = writer.begin(r, inputs_);
  const std::vector<Tensor> carried = kept(r, model, begun.carried);
  seen_ = kept(r, model, begun.seen);
  begin_ = r.finish();
  record_step(model, writer, carried);
}

// Copies that outlive the run.
std::vector<Tensor> WriteSteps::kept(Recorder& r, const LoadedModel& model,
                                     const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) {
    if (!t) {
      out.emplace_back();
      continue;
    }
    states_.emplace_back(model.device().impl(), t.shape, t.dtype);
    out.push_back(states_.back().tensor());
    r.copy(t, out.back());
  }
  return out;
}

void WriteSteps::record_step(const LoadedModel& model, const StepWriter& writer,
                             const std::vector<Tensor>& carried) {
  Recorder r(model.device().impl());
  ids_ = r.input({rows_, 1}, DType::u32, "ids");
  const StepWriter::Step step = writer.step(r, ids_, carried, seen_);
  for (size_t i = 0; i < carried.size(); ++i)
    if (carried[i]) r.copy(step.carried[i], carried[i]);
  logits_ = step.logits;
  weights_ = step.weights;
  const ops::TopClasses best = ops::softmax_topk(r, logits_, 1);
  chosen_ = best.indices;
  probabilities_ = best.best;
  for (const Tensor& t : {logits_, weights_, chosen_, probabilities_}) r.output(t);
  step_ = r.finish();
}

void WriteSteps::write(size_t input, std::span<const float> values) {
  begin_.write(inputs_.at(input), from_floats(values, inputs_[input].dtype));
}

void WriteSteps::write(size_t input, std::span<const uint32_t> values) {
  begin_.write(inputs_.at(input), std::as_bytes(values));
}

std::span<const uint32_t> WriteSteps::step(std::span<const uint32_t> before) {
  step_.write(ids_, std::as_bytes(before));
  step_.run();
  step_.read(chosen_, std::as_writable_bytes(std::span(best_)));
  return best_;
}

void require_best(const LoadedModel& model, const TokenChoice& choice, const char* operation) {
  if (choice.draws() || choice.beams != 1)
    throw Error(ErrorKind::usage, fmt::format("[{}] {} takes the most probable id at each step: it knows no "
                                              "temperature and no beams",
                                              operation, model.info().architecture));
}

}  // namespace fovea
