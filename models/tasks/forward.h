// A model's forward pass, recorded for one batch size and replayed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/methods.h"
#include "models/model/model.h"
#include "models/tasks/classify.h"

namespace fovea {

class Forward {
 public:
  struct Options {
    uint32_t batch = 1;
    bool host_input = false;  // inputs come from the host and not from another program
    // Of one image of each input, none for one that is left out; empty for all as the model declares them.
    std::vector<std::optional<Shape>> inputs;
    std::vector<size_t> outputs;           // of the model's, that the host reads
    std::optional<Classify> classify;      // recorded behind the pass
    bool attention = false;                // keep what maps are drawn from
    std::vector<uint32_t> full_attention;  // layers whose whole [heads, tokens, tokens] is a result
    bool all_maps = false;  // draw every layer's raw map, a rollout and a cam too, to see what maps cost
    bool profile = false;
  };
  Forward(const LoadedModel& model, const Options& options);

  Program& program() { return program_; }
  const Program& program() const { return program_; }
  uint32_t batch() const { return options_.batch; }

  // Inputs by their index: for a program that writes one on the device, and from the host, [batch, ...].
  // Floats may come as floats whatever the storage type.
  Tensor input(size_t i) const { return program_.shared(inputs_.at(i)); }
  void write(size_t input, std::span<const float> values);
  void write(size_t input, std::span<const uint32_t> values);

  // Results of the last run, [batch, ...]; i counts as the options do.
  const Tensor& output(size_t i) const { return outputs_.at(i); }
  const Tensor& attention(size_t i) const { return full_attention_.at(i); }
  const Classify::Answer& answer() const { return answer_; }
  std::vector<float> floats(const Tensor& result) const;
  std::vector<uint32_t> words(const Tensor& result) const;

  // What maps are drawn from, for other recorders.
  maps::Kept kept() const;

 private:
  void record(Recorder& r, const LoadedModel& model);
  Tensor whole(Recorder& r, const AttentionRecord& a) const;
  void record_all_maps(Recorder& r, const ModelInfo& info, const maps::Kept& kept);
  const Tensor& input_of(size_t input, size_t values) const;

  Options options_;
  std::vector<Tensor> inputs_, outputs_, full_attention_;
  Classify::Answer answer_;
  maps::Kept kept_;
  std::vector<std::pair<Tensor, std::vector<uint32_t>>> presets_;  // of the maps
  Program program_;
};

}  // namespace fovea
