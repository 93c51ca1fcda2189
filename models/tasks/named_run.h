// A run of tensors by name through a model, checked before anything is recorded.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fovea/run.h"
#include "models/tasks/forward.h"

namespace fovea {

// One run of a model: what goes in, chunk by chunk, and what comes out.
class NamedRun {
 public:
  // `inputs` outlive it. Throws as run().
  NamedRun(const Model& model, const RawTensors& inputs, const RunOptions& options);
  RawTensors operator()();
  // The first pass of it, with its inputs, to be run.
  Forward first_pass(bool profile) const;

 private:
  void take_inputs(const RawTensors& inputs);
  void check_shape(const std::string& name, const RawTensor& tensor, const Port& port);
  void check_causal(const std::string& name, const RawTensor& tensor, const Port& port);
  void check_values(const std::string& name, const RawTensor& tensor, const Port& port) const;
  std::vector<std::string> chosen_names(const RunOptions& options) const;
  void choose_outputs(const std::vector<std::string>& names);
  void take_together();
  std::string missing_for(const Port& output) const;
  Forward recorded(bool profile) const;
  void write_inputs(Forward& pass, uint64_t first, uint64_t images) const;
  void append(RawTensor& to, const Forward& pass, const Tensor& result, uint64_t images) const;
  void append_whole(RawTensor& to, const Forward& pass, const Tensor& result, const Port& port) const;
  std::string takes() const {
    return fmt::format("{} takes {}", model_.info().architecture, to_string(inputs_of(model_)));
  }

  const Model& model_;
  std::vector<uint32_t> layers_;
  uint64_t count_ = 0;
  uint32_t batch_, generate_;
  TokenChoice choice_;
  Axes axes_;                                            // extents of the inputs, by name
  std::vector<const RawTensor*> inputs_;                 // by the model's index; null for those left out
  std::vector<std::optional<Shape>> shapes_;             // of one image of each
  std::vector<size_t> outputs_;                          // of the model's, each once
  std::vector<std::pair<std::string, size_t>> written_;  // name, and where in outputs_
};

}  // namespace fovea
