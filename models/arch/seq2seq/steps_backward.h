// What the gradients of a decoder's steps leave for those by parameters and by the memory, which are taken of
// all steps at once.
#pragma once

#include <map>
#include <string>

#include "models/arch/seq2seq/parts.h"

namespace fovea::seq2seq {

inline ops::KeyChoice choice_of(const Memory& memory) {
  ops::KeyChoice choice;
  choice.lengths = memory.lengths;
  return choice;
}

class StepGradients {
 public:
  StepGradients(Recorder& r, uint32_t steps) : r_(r), steps_(steps) {}

  void put(const std::string& name, uint32_t step, const Tensor& x);
  const Tensor& all(const std::string& name) const { return stacks_.at(name).all(); }

  // Of what a step looked at, from dcontext [batch, …]: by its prepared query.
  layers::SequenceAttention::QueryGradient look(Recorder& r, const layers::SequenceAttention& attention,
                                                uint32_t step, const StepRun& run, const Memory& memory,
                                                const Tensor& dcontext);
  // Of its cell and of the embedding that it was given.
  void keep(uint32_t step, const StepRun& run, const layers::Recurrent::StepGradient& cell, const Tensor& de);
  // Adds those by the cell's and the keys' parameters. Returns that by the memory.
  Tensor finish(Recorder& r, const layers::SequenceAttention& attention, const layers::Recurrent& cell,
                const Memory& memory, layers::Gradients& gradients) const;

 private:
  Recorder& r_;
  uint32_t steps_;
  std::map<std::string, Stack, std::less<>> stacks_;
};

}  // namespace fovea::seq2seq
