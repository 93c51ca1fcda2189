// A model's forward pass, recorded for one batch size and replayed.
#pragma once

#include <span>
#include <vector>

#include "maps/methods.h"
#include "models/model/model.h"

namespace fovea {

class Forward {
 public:
  struct Options {
    uint32_t batch = 1;
    bool host_input = false;  // input comes from the host as floats, not from another program
    bool classify = false;    // top_k classes by softmax, besides logits
    uint32_t top_k = 0;
    std::vector<size_t> outputs;           // of the model's, to be read besides `logits`
    bool attention = false;                // keep what maps are drawn from
    std::vector<uint32_t> full_attention;  // layers whose whole [heads, tokens, tokens] is a result
    bool all_maps =
        false;  // every layer's raw map, a rollout and a cam in the same program, to see what maps cost
    bool profile = false;
  };
  Forward(const LoadedModel& model, const Options& options);

  Program& program() { return program_; }
  const Program& program() const { return program_; }
  uint32_t batch() const { return options_.batch; }

  Tensor input() const;  // [batch, 3, height, width], for a program that writes it on the device
  void write_input(std::span<const float> values);                            // host_input only
  std::vector<float> logits() const { return read(logits_); }                 // [batch, classes]
  std::vector<float> output(size_t i) const { return read(outputs_.at(i)); }  // of Options::outputs, in order
  std::vector<float> attention(size_t i) const { return read(full_attention_.at(i)); }
  const Shape& output_shape(size_t i) const { return outputs_.at(i).shape; }
  const Shape& attention_shape(size_t i) const { return full_attention_.at(i).shape; }
  std::vector<float> probabilities() const { return read(top_probabilities_); }  // [batch, top_k], best first
  std::vector<uint32_t> indices() const;                                         // [batch, top_k]
  // What maps are drawn from, for other recorders.
  maps::Kept kept() const;

 private:
  void record(Recorder& r, const LoadedModel& model);
  Tensor whole(Recorder& r, const AttentionRecord& a) const;
  void record_all_maps(Recorder& r, const ModelInfo& info, const maps::Kept& kept);
  std::vector<float> read(const Tensor& t) const;

  Options options_;
  Tensor input_, logits_, top_probabilities_, top_indices_;
  std::vector<Tensor> outputs_, full_attention_;
  maps::Kept kept_;
  std::vector<std::pair<Tensor, std::vector<uint32_t>>> presets_;  // of the maps
  Program program_;
};

}  // namespace fovea
