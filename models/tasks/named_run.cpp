#include "models/tasks/named_run.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "fovea/error.h"
#include "fovea/session.h"
#include "models/tasks/chunks.h"
#include "models/tasks/run_steps.h"
#include "models/tasks/run_text.h"
#include "models/tasks/write_steps.h"

namespace fovea {
namespace {

std::string names_of(const std::vector<TensorInfo>& tensors) {
  std::string out;
  for (const TensorInfo& t : tensors) out += (out.empty() ? "" : ", ") + t.name;
  return out;
}

size_t index_of(const std::vector<TensorInfo>& tensors, const std::string& name) {
  const TensorInfo* found = find(tensors, name);
  return found == nullptr ? tensors.size() : static_cast<size_t>(found - tensors.data());
}

}  // namespace

NamedRun::NamedRun(const Model& model, const RawTensors& inputs, const RunOptions& options)
    : model_(model),
      layers_(options.attention_layers),
      batch_(options.batch),
      generate_(options.generate),
      choice_(options.choice) {
  const size_t layers = model.info().attention.size();
  for (const uint32_t layer : layers_)
    if (layer >= layers)
      throw Error(ErrorKind::usage,
                  layers == 0 ? fmt::format("[run] attention of layer {}: {} has no attention", layer,
                                            model.info().architecture)
                              : fmt::format("[run] attention of layer {}, the model has layers 0…{}", layer,
                                            layers - 1));
  if (batch_ == 0 || batch_ > largest_batch)
    throw Error(ErrorKind::usage,
                fmt::format("[run] a batch of {} images, it takes 1…{}", batch_, largest_batch));
  if (generate_ != 0 && !writes_ids(model))
    throw Error(ErrorKind::usage,
                fmt::format("[run] {} writes nothing: it cannot generate", model.info().architecture));
  if (generate_ != 0 && model.impl().step_writer() != nullptr) require_best(model.impl(), choice_, "run");
  take_inputs(inputs);
  choose_outputs(chosen_names(options));
  take_together();
  batch_ = static_cast<uint32_t>(std::min<uint64_t>(batch_, count_));
}

void NamedRun::take_inputs(const RawTensors& inputs) {
  const std::vector<Port>& ports = model_.impl().inputs();
  const std::vector<TensorInfo> declared = inputs_of(model_);
  inputs_.resize(declared.size());
  shapes_.resize(declared.size());
  for (const auto& [name, tensor] : inputs) {
    const size_t i = index_of(declared, name);
    if (i == declared.size())
      throw Error(ErrorKind::usage, fmt::format("[run] there is no input `{}`: {}", name, takes()));
    if (inputs_[i] != nullptr)
      throw Error(ErrorKind::usage, fmt::format("[run] `{}` and `{}` are one input: {}", declared[i].name,
                                                declared[i].alias, takes()));
    check_shape(name, tensor, ports[i]);
    inputs_[i] = &tensor;
  }
  for (size_t i = 0; i < declared.size(); ++i) {
    if (inputs_[i] != nullptr && ports[i].causal_over.empty())
      check_values(declared[i].name, *inputs_[i], ports[i]);
    else if (inputs_[i] == nullptr && !declared[i].optional)
      throw Error(ErrorKind::usage, fmt::format("[run] no tensor `{}`: {}", declared[i].name, takes()));
  }
}

namespace {

// The shape of one image, where the tensor's can be one of the device.
std::optional<Shape> one_image(const std::vector<uint64_t>& shape, size_t images_axis) {
  if (shape.size() <= images_axis || shape.size() > Shape::max_rank) return std::nullopt;
  for (const uint64_t extent : shape)
    if (extent == 0 || extent > UINT32_MAX) return std::nullopt;
  std::vector<uint32_t> extents(shape.begin(), shape.end());
  std::rotate(extents.begin(), extents.begin() + static_cast<std::ptrdiff_t>(images_axis),
              extents.begin() + static_cast<std::ptrdiff_t>(images_axis) + 1);
  Shape images = of_images(extents[0], shape.size() == 1   ? Shape{}
                                       : shape.size() == 2 ? Shape{extents[1]}
                                       : shape.size() == 3 ? Shape{extents[1], extents[2]}
                                                           : Shape{extents[1], extents[2], extents[3]});
  return of_one_image(images);
}

}  // namespace

// 1 above the diagonal, where a token would see a later one, and 0 elsewhere.
void NamedRun::check_causal(const std::string& name, const RawTensor& tensor, const Port& port) {
  const std::vector<uint64_t>& shape = tensor.shape;
  const uint64_t tokens = shape.empty() ? 0 : shape[0];
  const bool square = shape.size() == 2 && shape[1] == tokens && tokens != 0 && tokens <= UINT32_MAX &&
                      tensor.integers.size() / tokens == tokens && tensor.integers.size() % tokens == 0;
  if (!square || axes_.emplace(port.causal_over, static_cast<uint32_t>(tokens)).first->second != tokens)
    throw Error(ErrorKind::usage,
                fmt::format("[run] `{}` is [{}]: {}", name, fmt::join(shape, ", "), takes()));
  for (uint64_t row = 0; row < tokens; ++row)
    for (uint64_t column = 0; column < tokens; ++column)
      if (const int64_t value = tensor.integers[row * tokens + column]; value != (column > row ? 1 : 0))
        throw Error(
            ErrorKind::usage,
            fmt::format("[run] `{}` holds {} at {}, {}: it must be 1 above the diagonal and 0 elsewhere, "
                        "or be left out where tokens see later ones",
                        name, value, row, column));
}

void NamedRun::check_shape(const std::string& name, const RawTensor& tensor, const Port& port) {
  const size_t i = static_cast<size_t>(&port - model_.impl().inputs().data());
  if (!port.causal_over.empty()) {
    check_causal(name, tensor, port);
    shapes_[i] = port.shape;
    return;
  }
  shapes_[i] = one_image(tensor.shape, port.images_axis);
  if (!shapes_[i] || !fits(port, *shapes_[i], axes_))
    throw Error(ErrorKind::usage,
                fmt::format("[run] `{}` is [{}]: {}", name, fmt::join(tensor.shape, ", "), takes()));
  const uint64_t images = tensor.shape[port.images_axis];
  if (count_ != 0 && images != count_)
    throw Error(ErrorKind::usage, fmt::format("[run] `{}` is [{}], another input is of {} images", name,
                                              fmt::join(tensor.shape, ", "), count_));
  count_ = images;
  const bool integer = port.type != DType::f32;
  if (tensor.integers.empty() == integer)
    throw Error(ErrorKind::usage,
                fmt::format("[run] `{}` holds {}: {}", name, integer ? "floats" : "integers", takes()));
  if (const size_t given = integer ? tensor.integers.size() : tensor.values.size();
      given / count_ != shapes_[i]->elements() || given % count_ != 0)
    throw Error(ErrorKind::usage,
                fmt::format("[run] `{}` [{}] has {} values", name, fmt::join(tensor.shape, ", "), given));
}

void NamedRun::check_values(const std::string& name, const RawTensor& tensor, const Port& port) const {
  uint64_t most = port.below - 1;
  if (const auto axis = axes_.find(port.up_to); axis != axes_.end())
    most = std::min<uint64_t>(most, axis->second);
  for (const int64_t value : tensor.integers)
    if (value < 0 || static_cast<uint64_t>(value) > most)
      throw Error(ErrorKind::usage, fmt::format("[run] `{}` holds {}, it must be 0…{}", name, value, most));
}

// Names of inputs that were left out and that an output needs.
std::string NamedRun::missing_for(const Port& output) const {
  std::string out;
  for (const size_t i : output.needs)
    if (inputs_[i] == nullptr) out += (out.empty() ? "" : ", ") + model_.impl().inputs()[i].name;
  return out;
}

std::vector<std::string> NamedRun::chosen_names(const RunOptions& options) const {
  std::vector<std::string> chosen = options.outputs;
  for (const Port& port : model_.impl().outputs()) {
    const bool asked = port.extra ? options.gradients : options.outputs.empty();
    if (!asked || (!port.extra && !missing_for(port).empty())) continue;
    chosen.push_back(port.name);
    if (!port.alias.empty()) chosen.push_back(port.alias);
  }
  if (options.gradients && !has_loss(model_))
    throw Error(ErrorKind::usage,
                fmt::format("[run] gradients of {}, which has no loss", model_.info().architecture));
  return chosen;
}

// What is of all images together comes from one pass.
void NamedRun::take_together() {
  for (const size_t i : outputs_) {
    const Port& port = model_.impl().outputs()[i];
    if (!port.extra) continue;
    if (count_ > largest_batch)
      throw Error(ErrorKind::usage, fmt::format("[run] `{}` of {} images at once, it takes up to {}",
                                                port.name, count_, largest_batch));
    batch_ = static_cast<uint32_t>(count_);
  }
}

void NamedRun::choose_outputs(const std::vector<std::string>& names) {
  const std::vector<Port>& ports = model_.impl().outputs();
  const std::vector<TensorInfo> declared = outputs_of(model_);
  for (const std::string& name : names) {
    const size_t i = index_of(declared, name);
    if (i == declared.size())
      throw Error(ErrorKind::usage, fmt::format("[run] there is no output `{}`: {} gives {}", name,
                                                model_.info().architecture, names_of(declared)));
    if (const std::string missing = missing_for(ports[i]); !missing.empty())
      throw Error(ErrorKind::usage, fmt::format("[run] `{}` needs the input {}: {}", name, missing, takes()));
    const auto found = std::find(outputs_.begin(), outputs_.end(), i);
    written_.emplace_back(name, found - outputs_.begin());
    if (found == outputs_.end()) outputs_.push_back(i);
  }
}

namespace {

// Values of images one behind the other, [count, outer, ...], to [outer, count, ...].
template <class T>
std::vector<T> with_images_inside(const std::vector<T>& all, uint64_t outer, uint64_t count) {
  std::vector<T> out;
  out.reserve(all.size());
  const size_t inner = all.size() / count / outer;
  for (uint64_t o = 0; o < outer; ++o)
    for (uint64_t i = 0; i < count; ++i) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>((i * outer + o) * inner);
      out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(inner));
    }
  return out;
}

}  // namespace

void NamedRun::write_inputs(Forward& pass, uint64_t first, uint64_t images) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i] == nullptr || !model_.impl().inputs()[i].causal_over.empty()) continue;
    write_chunk(pass, i, model_.impl().inputs()[i], *inputs_[i], {count_, first, images, batch_});
  }
}

// The first `images` of a pass's result.
void NamedRun::append(RawTensor& to, const Forward& pass, const Tensor& result, uint64_t images) const {
  if (to.shape.empty()) {
    to.shape.push_back(result.shape[0] / batch_ * count_);
    for (uint32_t i = 1; i < result.shape.rank(); ++i) to.shape.push_back(result.shape[i]);
  }
  const auto used = static_cast<std::ptrdiff_t>(result.shape.elements() / batch_ * images);
  if (result.dtype == DType::u32) {
    const auto words = pass.words(result);
    to.integers.insert(to.integers.end(), words.begin(), words.begin() + used);
    return;
  }
  const auto values = pass.floats(result);
  check_finite(model_.info(), std::span(values).first(static_cast<size_t>(used)));
  to.values.insert(to.values.end(), values.begin(), values.begin() + used);
}

void NamedRun::append_whole(RawTensor& to, const Forward& pass, const Tensor& result,
                            const Port& port) const {
  for (uint32_t i = 0; i < port.shape.rank(); ++i) to.shape.push_back(port.shape[i]);
  to.values = pass.floats(result);
  check_finite(model_.info(), to.values);
}

namespace {

// [count, ...] as callers see it.
void place_images(RawTensor& tensor, uint32_t axis) {
  if (axis == 0) return;
  const auto begin = tensor.shape.begin();
  std::rotate(begin, begin + 1, begin + axis + 1);
  uint64_t outer = 1;
  for (uint32_t d = 0; d < axis; ++d) outer *= tensor.shape[d];
  tensor.values = with_images_inside(tensor.values, outer, tensor.shape[axis]);
  tensor.integers = with_images_inside(tensor.integers, outer, tensor.shape[axis]);
}

}  // namespace

Forward NamedRun::recorded(bool profile) const {
  Forward::Options options;
  options.batch = batch_;
  options.host_input = true;
  options.inputs = shapes_;
  options.outputs = outputs_;
  options.full_attention = layers_;
  options.profile = profile;
  return Forward(model_.impl(), options);
}

Forward NamedRun::first_pass(bool profile) const {
  Forward pass = recorded(profile);
  write_inputs(pass, 0, batch_);
  return pass;
}

RawTensors NamedRun::operator()() {
  Forward pass = recorded(false);
  model_.device().impl().save_pipeline_cache();

  RawTensors out;
  for (uint64_t first = 0; first < count_; first += batch_) {
    const uint64_t images = std::min<uint64_t>(batch_, count_ - first);
    write_inputs(pass, first, images);
    pass.program().run();
    for (const auto& [name, at] : written_) {
      const Port& port = model_.impl().outputs()[outputs_[at]];
      if (port.whole)
        append_whole(out[name], pass, pass.output(at), port);
      else
        append(out[name], pass, pass.output(at), images);
    }
    for (size_t i = 0; i < layers_.size(); ++i)
      append(out[model_.info().attention[layers_[i]].tensor], pass, pass.attention(i), images);
  }
  for (const auto& [name, at] : written_)
    place_images(out[name], model_.impl().outputs()[outputs_[at]].images_axis);
  if (generate_ == 0) return out;
  if (model_.impl().writer() != nullptr)
    run_text(model_.impl(), {inputs_, shapes_, count_, batch_}, generate_, choice_, out);
  else
    run_steps(model_.impl(), {inputs_, shapes_, count_, batch_}, generate_, out);
  return out;
}

}  // namespace fovea
