#include "fovea/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/boundary.h"
#include "fovea/error.h"
#include "fovea/session.h"
#include "models/tasks/forward.h"

namespace fovea {
namespace {

std::vector<TensorInfo> info_of(const std::vector<Port>& ports) {
  std::vector<TensorInfo> out;
  for (const Port& port : ports) {
    TensorInfo info{port.name, port.alias, port.type != DType::f32, {}};
    for (uint32_t i = 0; i < port.shape.rank(); ++i) info.shape.push_back(port.shape[i]);
    out.push_back(std::move(info));
  }
  return out;
}

std::string names_of(const std::vector<TensorInfo>& tensors) {
  std::string out;
  for (const TensorInfo& t : tensors) out += (out.empty() ? "" : ", ") + t.name;
  return out;
}

size_t index_of(const std::vector<TensorInfo>& tensors, const std::string& name) {
  const TensorInfo* found = find(tensors, name);
  return found == nullptr ? tensors.size() : static_cast<size_t>(found - tensors.data());
}

// One run of a model: what goes in, chunk by chunk, and what comes out.
class NamedRun {
 public:
  NamedRun(const Model& model, const RawTensors& inputs, const RunOptions& options);
  RawTensors operator()();

 private:
  void take_inputs(const RawTensors& inputs);
  void check_shape(const std::string& name, const RawTensor& tensor, const TensorInfo& info);
  void choose_outputs(const std::vector<std::string>& names);
  void write_inputs(Forward& pass, uint64_t first, uint64_t images) const;
  void append(RawTensor& to, const Forward& pass, const Tensor& result, uint64_t images) const;
  std::string takes() const {
    return fmt::format("{} takes {}", model_.info().architecture, to_string(inputs_of(model_)));
  }

  const Model& model_;
  std::vector<uint32_t> layers_;
  uint64_t count_ = 0;
  uint32_t batch_;
  std::vector<const RawTensor*> inputs_;                 // by the model's index
  std::vector<size_t> outputs_;                          // of the model's, each once
  std::vector<std::pair<std::string, size_t>> written_;  // name, and where in outputs_
};

NamedRun::NamedRun(const Model& model, const RawTensors& inputs, const RunOptions& options)
    : model_(model), layers_(options.attention_layers), batch_(options.batch) {
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
  take_inputs(inputs);
  choose_outputs(options.outputs);
  batch_ = static_cast<uint32_t>(std::min<uint64_t>(batch_, count_));
}

void NamedRun::take_inputs(const RawTensors& inputs) {
  const std::vector<TensorInfo> declared = inputs_of(model_);
  inputs_.resize(declared.size());
  for (const auto& [name, tensor] : inputs) {
    const size_t i = index_of(declared, name);
    if (i == declared.size())
      throw Error(ErrorKind::usage, fmt::format("[run] there is no input `{}`: {}", name, takes()));
    if (inputs_[i] != nullptr)
      throw Error(ErrorKind::usage, fmt::format("[run] `{}` and `{}` are one input: {}", declared[i].name,
                                                declared[i].alias, takes()));
    check_shape(name, tensor, declared[i]);
    inputs_[i] = &tensor;
  }
  for (size_t i = 0; i < declared.size(); ++i)
    if (inputs_[i] == nullptr)
      throw Error(ErrorKind::usage, fmt::format("[run] no tensor `{}`: {}", declared[i].name, takes()));
}

void NamedRun::check_shape(const std::string& name, const RawTensor& tensor, const TensorInfo& info) {
  const std::vector<uint64_t>& shape = tensor.shape;
  const bool fits = !shape.empty() && shape[0] != 0 && shape[0] <= UINT32_MAX &&
                    std::equal(shape.begin() + 1, shape.end(), info.shape.begin(), info.shape.end());
  if (!fits)
    throw Error(ErrorKind::usage,
                fmt::format("[run] `{}` is [{}]: {}", name, fmt::join(shape, ", "), takes()));
  if (count_ != 0 && shape[0] != count_)
    throw Error(ErrorKind::usage, fmt::format("[run] `{}` is [{}], another input is of {} images", name,
                                              fmt::join(shape, ", "), count_));
  count_ = shape[0];
  if (tensor.integers.empty() == info.integer)
    throw Error(ErrorKind::usage,
                fmt::format("[run] `{}` holds {}: {}", name, info.integer ? "floats" : "integers", takes()));
  uint64_t elements = count_;
  for (const uint64_t extent : info.shape) elements *= extent;
  if (const size_t given = info.integer ? tensor.integers.size() : tensor.values.size(); given != elements)
    throw Error(ErrorKind::usage,
                fmt::format("[run] `{}` [{}] has {} values", name, fmt::join(shape, ", "), given));
  for (const int64_t value : tensor.integers)
    if (value < 0 || value > UINT32_MAX)
      throw Error(ErrorKind::usage,
                  fmt::format("[run] `{}` holds {}, it must be 0…{}", name, value, UINT32_MAX));
}

void NamedRun::choose_outputs(const std::vector<std::string>& names) {
  const std::vector<TensorInfo> declared = outputs_of(model_);
  std::vector<std::string> chosen = names;
  if (names.empty())
    for (const TensorInfo& info : declared) {
      chosen.push_back(info.name);
      if (!info.alias.empty()) chosen.push_back(info.alias);
    }
  for (const std::string& name : chosen) {
    const size_t i = index_of(declared, name);
    if (i == declared.size())
      throw Error(ErrorKind::usage, fmt::format("[run] there is no output `{}`: {} gives {}", name,
                                                model_.info().architecture, names_of(declared)));
    const auto found = std::find(outputs_.begin(), outputs_.end(), i);
    written_.emplace_back(name, found - outputs_.begin());
    if (found == outputs_.end()) outputs_.push_back(i);
  }
}

// Images from `first` on, zeros in the slots behind them.
template <class To, class From>
std::vector<To> chunk_of(const std::vector<From>& all, uint64_t count, uint64_t first, uint64_t images,
                         uint32_t batch) {
  const size_t one = all.size() / count;
  std::vector<To> out(one * batch);
  std::transform(all.begin() + static_cast<std::ptrdiff_t>(first * one),
                 all.begin() + static_cast<std::ptrdiff_t>((first + images) * one), out.begin(),
                 [](From v) { return static_cast<To>(v); });
  return out;
}

void NamedRun::write_inputs(Forward& pass, uint64_t first, uint64_t images) const {
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (model_.impl().inputs()[i].type == DType::f32)
      pass.write(i, chunk_of<float>(inputs_[i]->values, count_, first, images, batch_));
    else
      pass.write(i, chunk_of<uint32_t>(inputs_[i]->integers, count_, first, images, batch_));
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

RawTensors NamedRun::operator()() {
  Forward::Options options;
  options.batch = batch_;
  options.host_input = true;
  options.outputs = outputs_;
  options.full_attention = layers_;
  Forward pass(model_.impl(), options);
  model_.device().impl().save_pipeline_cache();

  RawTensors out;
  for (uint64_t first = 0; first < count_; first += batch_) {
    const uint64_t images = std::min<uint64_t>(batch_, count_ - first);
    write_inputs(pass, first, images);
    pass.program().run();
    for (const auto& [name, at] : written_) append(out[name], pass, pass.output(at), images);
    for (size_t i = 0; i < layers_.size(); ++i)
      append(out[model_.info().attention[layers_[i]].tensor], pass, pass.attention(i), images);
  }
  return out;
}

}  // namespace

std::vector<TensorInfo> inputs_of(const Model& model) {
  return info_of(model.impl().inputs());
}

std::vector<TensorInfo> outputs_of(const Model& model) {
  return info_of(model.impl().outputs());
}

const TensorInfo* find(const std::vector<TensorInfo>& tensors, std::string_view name) {
  for (const TensorInfo& t : tensors)
    if (t.name == name || (!t.alias.empty() && t.alias == name)) return &t;
  return nullptr;
}

std::string to_string(const std::vector<TensorInfo>& tensors) {
  std::string out;
  for (const TensorInfo& t : tensors) {
    out += fmt::format("{}{} {} [B", out.empty() ? "" : ", ", t.name, t.integer ? "i64" : "f32");
    for (const uint64_t extent : t.shape) out += fmt::format(", {}", extent);
    out += ']';
  }
  return out;
}

RawTensors run(const Model& model, const RawTensors& inputs, const RunOptions& options) {
  return at_boundary("run", [&] { return NamedRun(model, inputs, options)(); });
}

}  // namespace fovea
