// An LSTM whose outputs a softmax over steps pools for a linear classifier (Yang et al. 2016, "Hierarchical
// Attention Networks for Document Classification", with a linear score).
#include <string>

#include "models/model/differentiable.h"
#include "models/model/family.h"
#include "models/nn/recurrent.h"
#include "runtime/ops/sequence/copy_columns.h"
#include "runtime/ops/sequence/cross_entropy.h"
#include "runtime/ops/sequence/inner_product.h"
#include "runtime/ops/sequence/scores_backward.h"

namespace fovea {
namespace lstm_attention_classifier {

layers::RecurrentShape shape_of(const io::ModelConfig& config) {
  io::check_known_args(config, {"system", "input_size", "hidden_size", "bidirectional", "num_layers",
                                "num_classes", "gate_order", "note", "label_names", "seed"});
  const auto& args = config.model_args;
  return {.cell = ops::Cell::lstm,
          .inputs = io::arg_uint(args, "input_size", 0, config.file, 1),
          .hidden = io::arg_uint(args, "hidden_size", 0, config.file, 1, 1U << 16),
          .layers = io::arg_uint(args, "num_layers", 1, config.file, 1, 64),
          .bidirectional = io::arg_bool(args, "bidirectional", false, config.file)};
}

class Classifier : public DifferentiableModel {
 public:
  explicit Classifier(const Loading& from)
      : DifferentiableModel(from),
        shape_(shape_of(from.config)),
        lstm_(store_, from.weights / "lstm", shape_),
        attention_(store_, from.weights / "attention", 1, shape_.width()),
        classifier_(*classifier(from.config, from.weights / "classifier", shape_.width())) {
    input_ = declare_input({"input", "", DType::f32, {0, shape_.inputs}, {"steps", ""}});
    lengths_ = declare_lengths("steps");
    labels_ = declare_input({.name = "labels",
                             .alias = "",
                             .type = DType::u32,
                             .shape = {},
                             .optional = true,
                             .below = info_.classes});
    logits_ = declare_output("logits");
    context_ = declare_output("context");
    weights_ = declare_output("weights");
    scores_ = declare_output("scores");
    declare_loss(from.weights, {"input"}, {labels_});
  }

  void forward(Pass& pass) const override {
    Recorder& r = pass.recorder();
    const Tensor x = pass.input(input_);
    const uint32_t batch = x.shape[0], steps = x.shape[1];
    Run run;
    run.y = lstm_(r, {x, pass.input(lengths_)}, wants_loss(pass) ? &run.saved : nullptr).y;
    const Tensor scores = ops::widened(r, attention_(r, run.y)).reshaped({batch, 1, steps});
    ops::KeyChoice valid;
    valid.lengths = pass.input(lengths_);
    run.weights = ops::score_weights(r, scores, valid);
    run.context = ops::weighted_sum(r, run.weights, run.y).reshaped({batch, shape_.width()});
    run.logits = classifier_(r, run.context);
    if (pass.wants(scores_)) pass.give(scores_, scores.reshaped({batch, steps}));
    if (pass.wants(weights_)) pass.give(weights_, run.weights.reshaped({batch, steps}));
    if (pass.wants(context_)) pass.give(context_, run.context);
    if (pass.wants(logits_)) pass.give(logits_, run.logits);
    if (wants_loss(pass)) backward(pass, run);
  }

 private:
  struct Run {
    layers::Recurrent::Saved saved;
    Tensor y, weights, context,
        logits;  // [batch, steps, width], [batch, 1, steps], [batch, width], [batch, classes]
  };

  // The loss is the mean cross entropy against labels.
  void backward(Pass& pass, const Run& run) const {
    Recorder& r = pass.recorder();
    const uint32_t batch = run.y.shape[0], steps = run.y.shape[1], width = shape_.width();
    const ops::Loss loss = ops::cross_entropy(r, run.logits.reshaped({1, batch, run.logits.shape[1]}),
                                              pass.input(labels_).reshaped({batch, 1}));
    layers::Gradients gradients;
    const Tensor dlogits = loss.gradient.reshaped(run.logits.shape);
    layers::add_linear(r, gradients, classifier_, run.context, dlogits);
    const Tensor dcontext = classifier_.backward(r, dlogits).reshaped({batch, 1, width});
    const Tensor dy = ops::weighted_sum(r, run.weights, dcontext, 1, true);
    const Tensor dweights = ops::query_scores(r, dcontext, ops::widened(r, run.y));
    const Tensor dscores =
        ops::score_weights_backward(r, run.weights, dweights, {}).dscores.reshaped({batch, steps, 1});
    layers::add_linear(r, gradients, attention_, run.y, dscores);
    ops::copy_columns(r, attention_.backward(r, dscores), 0, width, dy, 0, true);
    gradients["input"] = lstm_.backward(r, run.saved, {.dy = dy}, gradients).dx;
    give_loss(pass, ops::total(r, loss.losses), gradients);
  }

  layers::RecurrentShape shape_;
  layers::Recurrent lstm_;
  layers::Linear attention_, classifier_;
  size_t input_ = 0, lengths_ = 0, labels_ = 0;
  size_t logits_ = no_output, context_ = no_output, weights_ = no_output, scores_ = no_output;
};

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::system && config.architecture == "lstm_attention_classifier";
}

}  // namespace lstm_attention_classifier

Family lstm_attention_classifier_family() {
  return family<lstm_attention_classifier::Classifier>(
      "LSTM with attention pooling", "system lstm_attention_classifier", &lstm_attention_classifier::matches);
}

}  // namespace fovea
