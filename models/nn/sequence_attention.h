// Attention of recurrent models over a sequence: scores as Luong et al. (2015: dot, general) and Bahdanau et
// al. (2015: additive) have them, soft, hard and local.
#pragma once

#include <optional>
#include <string>

#include "models/nn/gradients.h"
#include "models/nn/linear.h"
#include "runtime/ops/sequence/scores.h"

namespace fovea::layers {

enum class ScoreKind {
  dot,         // q · k
  scaled_dot,  // q · k / √channels
  general,     // q · W k
  additive,    // e · tanh(W q + U k + b)
};

struct SequenceAttentionShape {
  ScoreKind kind = ScoreKind::dot;
  uint32_t query_size = 0, key_size = 0;
  uint32_t attention_size = 0;  // of additive scores
};

class SequenceAttention {
 public:
  // key_layer (general, additive), query_layer and energy (additive).
  SequenceAttention(WeightStore& store, const io::Weights& w, const SequenceAttentionShape& shape);

  // What scores compare, once for all queries: keys [batch, keys, key_size] → [batch, keys, any].
  Tensor prepared_keys(Recorder& r, const Tensor& keys) const;
  Tensor prepared_queries(Recorder& r, const Tensor& queries) const;

  struct Result {
    Tensor context;  // [batch, queries, channels of values]
    Tensor weights;  // f32 [batch, queries, keys]
    Tensor scores;   // the same, before anything is masked
  };
  // Of prepared queries and keys.
  Result operator()(Recorder& r, const Tensor& queries, const Tensor& keys, const Tensor& values,
                    const ops::KeyChoice& choice) const;

  // Gradients, all f32, from that by scores: by what was prepared of queries, and of keys, and of the former
  // by the energy [batch, queries, attention_size], of which each query has a share.
  struct QueryGradient {
    Tensor dqueries, denergy;
  };
  QueryGradient queries_backward(Recorder& r, const Tensor& queries, const Tensor& keys,
                                 const Tensor& dscores) const;
  Tensor keys_backward(Recorder& r, const Tensor& queries, const Tensor& keys, const Tensor& dscores) const;
  // From those by what was prepared to those by what it was made of; parameters' are added.
  Tensor unprepared_queries(Recorder& r, const Tensor& queries, const Tensor& dprepared,
                            Gradients& gradients) const;
  Tensor unprepared_keys(Recorder& r, const Tensor& keys, const Tensor& dprepared,
                         Gradients& gradients) const;
  void add_energy(Recorder& r, const Tensor& denergy, Gradients& gradients) const;
  // Without parameters' gradients: for one step of several.
  Tensor query_gradient(Recorder& r, const Tensor& dprepared) const;

 private:
  std::string name_;
  ScoreKind kind_;
  float scale_ = 1;
  std::optional<Linear> query_, key_;
  Tensor energy_;  // [attention_size] f32
};

}  // namespace fovea::layers
