#include "models/nn/recurrent.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/ops/sequence/recurrent_backward.h"

namespace fovea::layers {
namespace {

std::vector<std::string> suffixes_of(const RecurrentShape& shape, uint32_t layer) {
  const std::string number = shape.single ? "" : fmt::format("_l{}", layer);
  std::vector<std::string> out{number};
  if (shape.bidirectional) out.push_back(number + "_reverse");
  return out;
}

uint32_t inputs_of(const RecurrentShape& shape, uint32_t layer) {
  return layer == 0 ? shape.inputs : shape.width();
}

std::vector<float> bias_of(const io::Weights& w, const std::string& name, uint32_t columns) {
  return w.has(name) ? w.take(name, {columns}) : std::vector<float>{};
}

LinearNumbers input_numbers(const io::Weights& w, const RecurrentShape& shape, uint32_t layer) {
  const uint32_t columns = ops::gates_of(shape.cell) * shape.hidden, inputs = inputs_of(shape, layer);
  std::vector<LinearNumbers> parts;
  for (const std::string& suffix : suffixes_of(shape, layer))
    parts.push_back({"", columns, inputs, w.take("weight_ih" + suffix, {columns, inputs}),
                     bias_of(w, "bias_ih" + suffix, columns)});
  return stacked(w.path("weight_ih" + suffixes_of(shape, layer).front()), parts);
}

ops::RecurrentWeights recurrent_weights(WeightStore& store, const io::Weights& w, const RecurrentShape& shape,
                                        uint32_t layer) {
  ops::RecurrentWeights out{shape.cell, shape.hidden, shape.directions(), {}, {}};
  const uint32_t columns = out.columns(), padded = (columns + 3) / 4 * 4;
  std::vector<float> weights, biases;
  for (const std::string& suffix : suffixes_of(shape, layer)) {
    const auto packed =
        ops::pack_linear(w.take("weight_hh" + suffix, {columns, shape.hidden}), columns, shape.hidden);
    weights.insert(weights.end(), packed.begin(), packed.end());
    std::vector<float> bias = bias_of(w, "bias_hh" + suffix, columns);
    bias.resize(padded);
    biases.insert(biases.end(), bias.begin(), bias.end());
  }
  out.w = store.matrix(weights, {out.directions, shape.hidden, padded});
  out.bias = store.vector(biases, {out.directions, padded});
  return out;
}

std::vector<Tensor> part_of(const std::vector<Tensor>& all, uint32_t layer, uint32_t directions) {
  if (all.empty()) return {};
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(layer) * directions;
  return {first, first + directions};
}

}  // namespace

Recurrent::Layer::Layer(WeightStore& store, const io::Weights& w, const RecurrentShape& shape, uint32_t index)
    : suffixes(suffixes_of(shape, index)),
      has_bias(w.has("bias_ih" + suffixes.front())),
      inputs(store, input_numbers(w, shape, index)),
      weights(recurrent_weights(store, w, shape, index)) {}

Recurrent::Recurrent(WeightStore& store, const io::Weights& w, const RecurrentShape& shape)
    : name_(w.scope()), shape_(shape) {
  for (uint32_t i = 0; i < shape.layers; ++i) layers_.emplace_back(store, w, shape, i);
}

Recurrent::Output Recurrent::operator()(Recorder& r, const Input& in, Saved* saved,
                                        ops::RecurrentForm form) const {
  const auto scope = r.scope(name_);
  const Shape states{in.x.shape[0], shape_.states(), shape_.hidden};
  Output out{in.x, r.temporary(states, in.x.dtype, "hidden states"), {}};
  if (shape_.cell == ops::Cell::lstm) out.cn = r.temporary(states, in.x.dtype, "cell states");
  if (saved != nullptr) saved->lengths = in.lengths;
  for (uint32_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const Tensor x = out.y;
    const ops::RecurrentResult run = ops::recurrent(r, layer.weights,
                                                    {.x = layer.inputs(r, x),
                                                     .lengths = in.lengths,
                                                     .h0 = in.h0,
                                                     .c0 = in.c0,
                                                     .first_state = i * shape_.directions(),
                                                     .hn = out.hn,
                                                     .cn = out.cn,
                                                     .save = saved != nullptr},
                                                    form);
    out.y = run.y;
    if (saved == nullptr) continue;
    saved->x.push_back(x);
    saved->trace.push_back(run.trace);
  }
  return out;
}

void Recurrent::add_layer(Recorder& r, const Layer& layer, const Tensor& x, const Tensor& trace,
                          const Tensor& dx, const Tensor& du, Gradients& gradients) const {
  const uint32_t hidden = shape_.hidden, columns = layer.weights.columns(),
                 kept = ops::trace_of(shape_.cell) * hidden;
  const auto rows = static_cast<uint32_t>(x.shape.rows());
  const std::string prefix = name_.empty() ? "" : name_ + ".";
  const Tensor before =
      trace.reshaped({rows, shape_.directions() * kept});  // the states before each step come last
  const Tensor of_inputs = dx.reshaped({rows, shape_.directions() * columns}),
               of_states = du.reshaped(of_inputs.shape);
  for (uint32_t d = 0; d < layer.suffixes.size(); ++d) {
    const auto ih = ops::weight_gradient(r, ops::Columns::all(x), {of_inputs, d * columns, columns});
    const auto hh =
        ops::weight_gradient(r, {before, (d + 1) * kept - hidden, hidden}, {of_states, d * columns, columns});
    const std::string& suffix = layer.suffixes[d];
    gradients[prefix + "weight_ih" + suffix] = ih.weight;
    gradients[prefix + "weight_hh" + suffix] = hh.weight;
    if (!layer.has_bias) continue;
    gradients[prefix + "bias_ih" + suffix] = ih.bias;
    gradients[prefix + "bias_hh" + suffix] = hh.bias;
  }
}

Recurrent::InputGradient Recurrent::backward(Recorder& r, const Saved& saved, const OutputGradient& out,
                                             Gradients& gradients) const {
  const auto scope = r.scope(name_);
  InputGradient in{out.dy, {}, {}};
  for (uint32_t i = shape_.layers; i-- > 0;) {
    const Layer& layer = layers_[i];
    const ops::RecurrentGradient gradient =
        ops::recurrent_backward(r, layer.weights,
                                {.trace = saved.trace[i],
                                 .dy = in.dx,
                                 .lengths = saved.lengths,
                                 .dhn = part_of(out.dhn, i, shape_.directions()),
                                 .dcn = part_of(out.dcn, i, shape_.directions())});
    add_layer(r, layer, saved.x[i], saved.trace[i], gradient.dx, gradient.du, gradients);
    in.dx = layer.inputs.backward(r, gradient.dx);
    in.dh0.insert(in.dh0.begin(), gradient.dh0.begin(), gradient.dh0.end());
    in.dc0.insert(in.dc0.begin(), gradient.dc0.begin(), gradient.dc0.end());
  }
  return in;
}

Recurrent::StepGradient Recurrent::step_backward(Recorder& r, const Saved& saved,
                                                 const OutputGradient& out) const {
  const auto scope = r.scope(name_);
  const ops::RecurrentGradient gradient = ops::recurrent_backward(
      r, layers_.front().weights,
      {.trace = saved.trace.front(), .dy = out.dy, .lengths = {}, .dhn = out.dhn, .dcn = out.dcn});
  return {gradient.dx,
          gradient.du,
          {layers_.front().inputs.backward(r, gradient.dx), gradient.dh0, gradient.dc0}};
}

void Recurrent::add_gradients(Recorder& r, const Tensor& x, const Tensor& trace, const Tensor& dx,
                              const Tensor& du, Gradients& gradients) const {
  const auto scope = r.scope(name_);
  add_layer(r, layers_.front(), x, trace, dx, du, gradients);
}

}  // namespace fovea::layers
