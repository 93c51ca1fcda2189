#include "models/arch/seq2seq/steps_backward.h"

#include "runtime/ops/sequence/copy_columns.h"
#include "runtime/ops/sequence/elementwise.h"
#include "runtime/ops/sequence/scores_backward.h"

namespace fovea::seq2seq {

void StepGradients::put(const std::string& name, uint32_t step, const Tensor& x) {
  stacks_.try_emplace(name, r_, steps_, x).first->second.put(step, x);
}

layers::SequenceAttention::QueryGradient StepGradients::look(Recorder& r,
                                                             const layers::SequenceAttention& attention,
                                                             uint32_t step, const StepRun& run,
                                                             const Memory& memory, const Tensor& dcontext) {
  const Tensor given = dcontext.reshaped({dcontext.shape[0], 1, dcontext.shape[1]});
  const Tensor dweights = ops::query_scores(r, given, ops::widened(r, memory.values));
  const Tensor dscores = ops::score_weights_backward(r, run.weights, dweights, choice_of(memory)).dscores;
  put("dscores", step, dscores);
  put("dcontext", step, dcontext);
  put("query", step, run.query);
  put("weights", step, run.weights);
  return attention.queries_backward(r, run.query, memory.keys, dscores);
}

void StepGradients::keep(uint32_t step, const StepRun& run, const layers::Recurrent::StepGradient& cell,
                         const Tensor& de) {
  put("de", step, de);
  put("cell", step, run.cell_input);
  put("trace", step, run.saved.trace.front());
  put("dx", step, cell.dx);
  put("du", step, cell.du);
}

Tensor StepGradients::finish(Recorder& r, const layers::SequenceAttention& attention,
                             const layers::Recurrent& cell, const Memory& memory,
                             layers::Gradients& gradients) const {
  cell.add_gradients(r, all("cell"), all("trace"), all("dx"), all("du"), gradients);
  const auto rows_first = [&](const char* name) {
    return stacks_.at(name).rows_first();
  };  // [batch, steps, …]
  const Tensor dkeys = attention.keys_backward(r, rows_first("query"), memory.keys, rows_first("dscores"));
  const Tensor dmemory = attention.unprepared_keys(r, memory.values, dkeys, gradients);
  const Tensor of_values = ops::weighted_sum(r, rows_first("weights"), rows_first("dcontext"), 1, true);
  ops::copy_columns(r, of_values, 0, of_values.shape.last(), dmemory, 0, true);
  return dmemory;
}

}  // namespace fovea::seq2seq
