// LSTM (Hochreiter & Schmidhuber 1997) and GRU (Cho et al. 2014) layers by themselves, as torch.nn has them.
#include <string>

#include "fovea/error.h"
#include "models/model/differentiable.h"
#include "models/model/family.h"
#include "models/nn/recurrent.h"
#include "runtime/ops/sequence/inner_product.h"

namespace fovea {
namespace recurrent {

layers::RecurrentShape shape_of(const io::ModelConfig& config) {
  io::check_known_args(config,
                       {"system", "input_size", "hidden_size", "num_layers", "bidirectional", "batch_first",
                        "gate_order", "note", "cell", "reset", "bias", "dropout", "seed"});
  const auto& args = config.model_args;
  if (!io::arg_bool(args, "batch_first", true, config.file))
    throw Error(ErrorKind::model,
                "[load] " + config.file.string() + ": batch_first is false, Fovea takes rows first");
  return {.cell = config.architecture == "lstm" ? ops::Cell::lstm : ops::Cell::gru,
          .inputs = io::arg_uint(args, "input_size", 0, config.file, 1),
          .hidden = io::arg_uint(args, "hidden_size", 0, config.file, 1, 1U << 16),
          .layers = io::arg_uint(args, "num_layers", 1, config.file, 1, 64),
          .bidirectional = io::arg_bool(args, "bidirectional", false, config.file)};
}

class RecurrentModel : public DifferentiableModel {
 public:
  explicit RecurrentModel(const Loading& from)
      : DifferentiableModel(from), shape_(shape_of(from.config)), layers_(store_, from.weights, shape_) {
    const Shape states{shape_.states(), shape_.hidden};
    input_ = declare_input({"input", "", DType::f32, {0, shape_.inputs}, {"steps", ""}});
    lengths_ = declare_lengths("steps");
    h_0_ = declare_state("h_0", states);
    if (lstm()) c_0_ = declare_state("c_0", states);
    coef_ = declare_input({.name = "coef",
                           .alias = "",
                           .type = DType::f32,
                           .shape = {0, shape_.width()},
                           .axes = {"steps", ""},
                           .optional = true});
    output_ = declare_output("output");
    h_n_ = declare_output({.name = "h_n", .alias = "", .type = DType::f32, .shape = {}, .images_axis = 1});
    if (lstm())
      c_n_ = declare_output({.name = "c_n", .alias = "", .type = DType::f32, .shape = {}, .images_axis = 1});
    declare_loss(from.weights, {"input"}, {coef_});
  }

  void forward(Pass& pass) const override {
    Recorder& r = pass.recorder();
    const bool train = wants_loss(pass);
    const Tensor h_0 = pass.input(h_0_), c_0 = lstm() ? pass.input(c_0_) : Tensor{};
    if (lstm() && static_cast<bool>(h_0) != static_cast<bool>(c_0))
      throw Error(ErrorKind::usage, "[lstm] of h_0 and c_0 one is given: give both or none");
    layers::Recurrent::Saved saved;
    const auto out =
        layers_(r, {pass.input(input_), pass.input(lengths_), h_0, c_0}, train ? &saved : nullptr);
    if (pass.wants(output_)) pass.give(output_, out.y);  // [batch, steps, directions · hidden]
    if (pass.wants(h_n_)) pass.give(h_n_, out.hn);       // [batch, layers · directions, hidden]
    if (pass.wants(c_n_)) pass.give(c_n_, out.cn);
    if (!train) return;

    // The loss is Σ output ⊙ coef.
    const Tensor coef = ops::widened(r, pass.input(coef_));
    layers::Gradients gradients;
    gradients["input"] = layers_.backward(r, saved, {.dy = coef}, gradients).dx;
    give_loss(pass, ops::inner_product(r, out.y, coef), gradients);
  }

 private:
  bool lstm() const { return shape_.cell == ops::Cell::lstm; }
  size_t declare_state(std::string name, const Shape& states) {
    return declare_input({.name = std::move(name),
                          .alias = "",
                          .type = DType::f32,
                          .shape = states,
                          .images_axis = 1,
                          .optional = true});
  }

  layers::RecurrentShape shape_;
  layers::Recurrent layers_;
  size_t input_ = 0, lengths_ = 0, h_0_ = 0, c_0_ = 0, coef_ = 0;
  size_t output_ = no_output, h_n_ = no_output, c_n_ = no_output;
};

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::system &&
         (config.architecture == "lstm" || config.architecture == "gru");
}

}  // namespace recurrent

Family recurrent_family() {
  return family<recurrent::RecurrentModel>("LSTM and GRU", "systems lstm, gru", &recurrent::matches);
}

}  // namespace fovea
