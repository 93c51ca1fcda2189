// From tokens to the scores of classes, and back.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "models/nn/attention_pool.h"
#include "models/nn/attention_tap.h"
#include "models/nn/layer_norm.h"
#include "models/nn/linear.h"

namespace fovea::layers {

// What of the tokens an answer is made from: some of the first ones, the mean over cells, both, or what an
// attention pool makes of all.
struct Reading {
  uint32_t tokens = 0;
  bool mean = false;
  TokenGrid grid{};
};

// norm, then a reading, then fc_norm, then a linear layer for each part that is read; their answers add up.
class ClassHead {
 public:
  struct Parts {
    std::optional<LayerNorm> norm, fc_norm;
    std::optional<AttentionPool> pool;  // in place of the reading
    std::vector<Linear> linears;  // empty for a model without classes, which answers with what is read first
  };
  ClassHead(const Reading& reading, Parts parts);

  // x [images, tokens, width] → [images, classes]
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;
  // All tokens behind `norm`, where there is one.
  Tensor normed(Recorder& r, const Tensor& x) const { return parts_.norm ? (*parts_.norm)(r, x) : x; }

  // What a part of the answer is made from, [images, width], in front of fc_norm.
  Tensor read(Recorder& r, const Tensor& x, uint32_t part, AttentionTap* tap = nullptr) const;

  // For maps. How many of the first tokens are read; all of `tokens` where their mean is.
  uint32_t rows(uint32_t tokens) const { return reading_.mean ? tokens : reading_.tokens; }
  const Reading& reading() const { return reading_; }
  std::span<const Linear> linears() const { return parts_.linears; }
  // A head of one norm is linear where its deviation is held.
  bool has_two_norms() const { return parts_.norm && parts_.fc_norm; }
  const LayerNorm* one_norm() const;  // nullptr where there is none
  // The weights of each image's class, classes [images, any]: [images, 1, width] f32 for each part that is
  // read.
  std::vector<Tensor> class_weights(Recorder& r, const Tensor& classes, uint32_t rank) const;
  // The gradient of a class's logit by x, [images, rows, width] f32. held: deviations of norms count as
  // constants.
  Tensor gradient(Recorder& r, const Tensor& x, std::span<const Tensor> class_weights, bool held) const;

 private:
  void report(const Tensor& x, AttentionTap& tap) const;

  Reading reading_;
  Parts parts_;
};

}  // namespace fovea::layers
