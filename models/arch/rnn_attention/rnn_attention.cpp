// Attention of queries over the items of a sequence by itself, by kind of score: Luong et al. 2015 (dot,
// general, local), Bahdanau et al. 2015 (additive), Xu et al. 2015 (hard).
#include <fmt/format.h>

#include <optional>
#include <string>

#include "fovea/error.h"
#include "models/model/differentiable.h"
#include "models/model/family.h"
#include "models/nn/sequence_attention.h"
#include "runtime/ops/sequence/centres.h"
#include "runtime/ops/sequence/copy_columns.h"
#include "runtime/ops/sequence/elementwise.h"
#include "runtime/ops/sequence/inner_product.h"
#include "runtime/ops/sequence/scores_backward.h"

namespace fovea {
namespace rnn_attention {

using layers::ScoreKind;

struct Kind {
  const char* name;
  ScoreKind score;
  bool hard = false, monotonic = false, gaussian = false;
};
constexpr Kind kinds[] = {
    {"dot", ScoreKind::dot},
    {"scaled_dot", ScoreKind::scaled_dot},
    {"general", ScoreKind::general},
    {"additive", ScoreKind::additive},
    {"hard", ScoreKind::scaled_dot, true},
    {"local", ScoreKind::scaled_dot, false, true},
    {"local_gaussian", ScoreKind::general, false, false, true},
};

const Kind& kind_of(const io::ModelConfig& config) {
  io::check_known_args(config, {"system", "score", "query_size", "key_size", "value_size", "attention_size",
                                "window", "note", "seed"});
  const std::string name = io::arg_string(config.model_args, "score", "", config.file);
  std::string names;
  for (const Kind& kind : kinds) {
    if (name == kind.name) return kind;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", kind.name);
  }
  throw Error(ErrorKind::model, fmt::format("[load] {}: score '{}' is unknown; there are {}",
                                            config.file.string(), name, names));
}

layers::SequenceAttentionShape shape_of(const io::ModelConfig& config, ScoreKind kind) {
  const auto size = [&](const char* key, uint32_t least) {
    return io::arg_uint(config.model_args, key, 0, config.file, least);
  };
  const layers::SequenceAttentionShape shape{kind, size("query_size", 1), size("key_size", 1),
                                             kind == ScoreKind::additive ? size("attention_size", 1) : 0};
  if ((kind == ScoreKind::dot || kind == ScoreKind::scaled_dot) && shape.query_size != shape.key_size)
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: queries of {} and keys of {} channels have no dot product",
                            config.file.string(), shape.query_size, shape.key_size));
  return shape;
}

class RnnAttention : public DifferentiableModel {
 public:
  explicit RnnAttention(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  struct Looking {
    ops::KeyChoice choice;
    Tensor whole, hidden;  // whole centres; tanh of the position layer
  };
  Looking looking(Recorder& r, const Pass& pass, const Tensor& queries) const;
  void backward(Pass& pass, const layers::SequenceAttention::Result& result, const Looking& looking,
                const Tensor& prepared_queries, const Tensor& prepared_keys) const;
  void add_positions(Recorder& r, const Looking& looking, const Tensor& queries, const Tensor& lengths,
                     const Tensor& dcentres, layers::Gradients& gradients) const;

  const Kind& kind_;
  layers::SequenceAttention attention_;
  std::optional<layers::Linear> position_, position_out_;  // of a Gaussian's centres
  float window_ = 0;
  size_t queries_ = 0, keys_ = 0, values_ = 0, mask_ = 0, lengths_ = 0, coef_ = 0;
  size_t context_ = no_output, weights_ = no_output, scores_ = no_output, centres_ = no_output;
};

RnnAttention::RnnAttention(const Loading& from)
    : DifferentiableModel(from),
      kind_(kind_of(from.config)),
      attention_(store_, kind_.gaussian ? from.weights / "score" : from.weights,
                 shape_of(from.config, kind_.score)) {
  const auto& args = from.config.model_args;
  const layers::SequenceAttentionShape shape = shape_of(from.config, kind_.score);
  const uint32_t value_size = io::arg_uint(args, "value_size", 0, from.config.file, 1);
  const bool local = kind_.monotonic || kind_.gaussian;
  if (local)
    window_ = static_cast<float>(
        io::arg_double(args, "window", 0, from.config.file, kind_.gaussian ? 1e-3 : 0, 1e6));
  if (kind_.gaussian) {
    const uint32_t size = io::arg_uint(args, "attention_size", 0, from.config.file, 1);
    position_.emplace(store_, from.weights / "position_layer", size, shape.query_size);
    position_out_.emplace(store_, from.weights / "position_out", 1, size);
  }
  queries_ = declare_input({"queries", "", DType::f32, {0, shape.query_size}, {"queries", ""}});
  keys_ = declare_input({"keys", "", DType::f32, {0, shape.key_size}, {"keys", ""}});
  values_ = declare_input({"values", "", DType::f32, {0, value_size}, {"keys", ""}});
  mask_ = declare_words("mask", "keys", 2);
  lengths_ = declare_lengths("keys", !local);
  coef_ = declare_input({.name = "coef",
                         .alias = "",
                         .type = DType::f32,
                         .shape = {0, value_size},
                         .axes = {"queries", ""},
                         .optional = true});
  context_ = declare_output("context");
  weights_ = declare_output("weights");
  scores_ = declare_output("scores");
  if (local) centres_ = declare_output(kind_.gaussian ? "positions" : "centres");
  if (kind_.hard)  // which key it is does not move with the scores
    declare_loss(from.weights, {"values"}, {coef_});
  else
    declare_loss(from.weights, {"queries", "keys", "values"}, {coef_});
}

// Which keys count: those of the mask, else those within lengths.
RnnAttention::Looking RnnAttention::looking(Recorder& r, const Pass& pass, const Tensor& queries) const {
  const Tensor lengths = pass.input(lengths_);
  Looking out;
  if (kind_.hard) out.choice.focus = ops::Focus::hard;
  out.choice.mask = pass.input(mask_);
  if (!out.choice.mask) out.choice.lengths = lengths;
  out.choice.window = window_;
  if (kind_.monotonic) {
    const auto centres = ops::monotonic_centres(r, lengths, queries.shape[1]);
    out.choice.centres = centres.centres;
    out.whole = centres.whole;
  }
  if (kind_.gaussian) {
    out.hidden = ops::hyperbolic(r, (*position_)(r, queries));
    const Tensor at = (*position_out_)(r, out.hidden).reshaped({queries.shape[0], queries.shape[1]});
    out.choice.centres = ops::predicted_centres(r, at, lengths);
    out.choice.gauss = true;
  }
  return out;
}

void RnnAttention::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  const Tensor queries = pass.input(queries_), keys = pass.input(keys_);
  const Looking looks = looking(r, pass, queries);
  const Tensor q = attention_.prepared_queries(r, queries), k = attention_.prepared_keys(r, keys);
  const auto result = attention_(r, q, k, pass.input(values_), looks.choice);
  if (pass.wants(context_)) pass.give(context_, result.context);  // [batch, queries, value_size]
  if (pass.wants(weights_)) pass.give(weights_, result.weights);  // [batch, queries, keys]
  if (pass.wants(scores_)) pass.give(scores_, result.scores);
  if (pass.wants(centres_)) pass.give(centres_, kind_.gaussian ? looks.choice.centres : looks.whole);
  if (wants_loss(pass)) backward(pass, result, looks, q, k);
}

// The loss is Σ context ⊙ coef.
void RnnAttention::backward(Pass& pass, const layers::SequenceAttention::Result& result, const Looking& looks,
                            const Tensor& prepared_queries, const Tensor& prepared_keys) const {
  Recorder& r = pass.recorder();
  const Tensor queries = pass.input(queries_), keys = pass.input(keys_),
               coef = ops::widened(r, pass.input(coef_));
  layers::Gradients gradients;
  gradients["values"] = ops::weighted_sum(r, result.weights, coef, 1, true);
  if (!kind_.hard) {
    const Tensor dweights = ops::query_scores(r, coef, ops::widened(r, pass.input(values_)));
    const auto of_weights = ops::score_weights_backward(r, result.weights, dweights, looks.choice);
    const auto of_queries =
        attention_.queries_backward(r, prepared_queries, prepared_keys, of_weights.dscores);
    const Tensor of_keys = attention_.keys_backward(r, prepared_queries, prepared_keys, of_weights.dscores);
    gradients["queries"] = attention_.unprepared_queries(r, queries, of_queries.dqueries, gradients);
    gradients["keys"] = attention_.unprepared_keys(r, keys, of_keys, gradients);
    attention_.add_energy(r, of_queries.denergy, gradients);
    if (kind_.gaussian)
      add_positions(r, looks, queries, pass.input(lengths_), of_weights.dcentres, gradients);
  }
  give_loss(pass, ops::inner_product(r, result.context, coef), gradients);
}

void RnnAttention::add_positions(Recorder& r, const Looking& looks, const Tensor& queries,
                                 const Tensor& lengths, const Tensor& dcentres,
                                 layers::Gradients& gradients) const {
  const Tensor dat = ops::predicted_centres_backward(r, looks.choice.centres, dcentres, lengths)
                         .reshaped({queries.shape[0], queries.shape[1], 1});
  layers::add_linear(r, gradients, *position_out_, looks.hidden, dat);
  const Tensor dhidden = ops::hyperbolic_backward(r, looks.hidden, position_out_->backward(r, dat));
  layers::add_linear(r, gradients, *position_, queries, dhidden);
  const Tensor dqueries = position_->backward(r, dhidden);
  ops::copy_columns(r, dqueries, 0, dqueries.shape.last(), gradients.at("queries"), 0, true);
}

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::system && config.architecture == "rnn_attention";
}

}  // namespace rnn_attention

Family rnn_attention_family() {
  return family<rnn_attention::RnnAttention>("attention over a sequence", "system rnn_attention",
                                             &rnn_attention::matches);
}

}  // namespace fovea
