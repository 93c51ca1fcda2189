#include "models/model/model.h"

#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "fovea/error.h"
#include "models/nn/shapes.h"
#include "models/nn/stream.h"

namespace fovea {

const char* to_string(AttentionKind kind) {
  switch (kind) {
    case AttentionKind::self_attention:
      return "self-attention";
    case AttentionKind::attention_pool:
      return "attention pool";
    case AttentionKind::token_scores:
      return "token scores";
    case AttentionKind::channel_gate:
      return "channel gate";
    case AttentionKind::spatial_gate:
      break;
  }
  return "spatial gate";
}

LoadedModel::LoadedModel(const Loading& from)
    : device_(from.device),
      store_(from.device.impl(), from.storage),
      preprocess_(from.config.preprocess),
      naming_(from.config.naming) {
  if (from.options.height != 0) preprocess_.height = from.options.height;
  if (from.options.width != 0) preprocess_.width = from.options.width;
  info_.architecture = from.config.architecture;
  info_.height = preprocess_.height;
  info_.width = preprocess_.width;
}

size_t LoadedModel::declare_input(std::string name, DType type, const Shape& shape, std::string alias) {
  inputs_.push_back({std::move(name), std::move(alias), type, shape});
  return inputs_.size() - 1;
}

size_t LoadedModel::declare_output(std::string name, std::string alias) {
  outputs_.push_back({std::move(name), std::move(alias), DType::f32, {}});
  return outputs_.size() - 1;
}

size_t LoadedModel::declare_pixels() {
  const bool timm = naming_ == io::Naming::timm;
  return declare_input(timm ? "input" : "pixel_values", DType::f32,
                       {3, preprocess_.height, preprocess_.width}, timm ? "pixel_values" : "input");
}

size_t LoadedModel::declare_features() {
  return naming_ == io::Naming::timm ? declare_output("features")
                                     : declare_output("last_hidden_state", "features");
}

std::optional<size_t> LoadedModel::output(std::string_view name) const {
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].name == name) return i;
  return std::nullopt;
}

std::optional<layers::LinearNumbers> LoadedModel::classifier_numbers(const io::ModelConfig& config,
                                                                     const io::Weights& w, uint32_t width) {
  info_.has_head = w.has("weight");
  info_.classes = width;
  if (!info_.has_head) return std::nullopt;
  info_.classes = config.num_classes != 0 ? config.num_classes : layers::dimension(w, "weight", 2, 0);
  auto numbers = layers::linear_numbers(w, info_.classes, width);
  info_.labels = config.labels_for(info_.classes);
  return numbers;
}

std::optional<layers::Linear> LoadedModel::classifier(const io::ModelConfig& config, const io::Weights& w,
                                                      uint32_t width, float factor) {
  auto numbers = classifier_numbers(config, w, width);
  if (!numbers) return std::nullopt;
  for (std::vector<float>* values : {&numbers->weight, &numbers->bias})
    for (float& value : *values) value *= factor;
  return layers::Linear(store_, *numbers);
}

DType LoadedModel::device_type(const Port& port) const {
  return port.type == DType::f32 ? storage() : port.type;
}

std::vector<Tensor> LoadedModel::record(Recorder& r, std::vector<Tensor> inputs,
                                        std::span<const size_t> wanted, AttentionTap* tap) const {
  const uint32_t images = inputs.front().shape[0];
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Shape expected = of_images(images, inputs_[i].shape);
    if (inputs.at(i).shape != expected || inputs[i].dtype != device_type(inputs_[i]))
      throw Error(ErrorKind::usage,
                  fmt::format("[forward] {} is {} {}, {} takes {} {}", inputs_[i].name,
                              to_string(inputs[i].dtype), to_string(inputs[i].shape), info_.architecture,
                              to_string(device_type(inputs_[i])), to_string(expected)));
  }
  Pass pass(r, std::move(inputs), outputs_.size(), wanted, tap);
  forward(pass);
  if (tap != nullptr && !layers::is_stream(*tap)) tap->steps.clear();  // they lead nowhere

  std::vector<Tensor> out;
  for (const size_t i : wanted) {
    const Port& port = outputs_.at(i);
    const Tensor& given = pass.output(i);
    if (!rehearsed_ ? given.shape.rank() == 0 : given.shape != of_images(images, port.shape))
      throw Error(ErrorKind::model,
                  fmt::format("[forward] {} gives {} {}, expected {} for {} images", info_.architecture,
                              port.name, to_string(given.shape), to_string(port.shape), images));
    out.push_back(given);
  }
  return out;
}

AttentionTap LoadedModel::rehearse() {
  Recorder::Options options;
  options.describe = true;
  Recorder r(device_.impl(), options);
  std::vector<Tensor> inputs;
  for (const Port& port : inputs_)
    inputs.push_back(r.input(of_images(1, port.shape), device_type(port), port.name.c_str()));
  std::vector<size_t> all(outputs_.size());
  std::iota(all.begin(), all.end(), size_t{0});
  AttentionTap tap;
  const std::vector<Tensor> given = record(r, std::move(inputs), all, &tap);
  for (const size_t i : all) {
    outputs_[i].shape = of_one_image(given[i].shape);
    if (given[i].dtype != DType::f16) outputs_[i].type = given[i].dtype;
  }
  if (!output("logits")) info_.classes = 0;
  rehearsed_ = true;
  return tap;
}

void LoadedModel::finish(uint64_t parameters) {
  store_.finish();
  info_.parameters = parameters;
  info_.precision = store_.storage() == DType::f16 ? Precision::fp16 : Precision::fp32;
}

void LoadedModel::set_maps(std::vector<AttentionLayer> layers, std::vector<MapMethod> methods,
                           const PooledHead& head) {
  info_.attention = std::move(layers);
  info_.maps = std::move(methods);
  info_.cam_rows = head.rows;
  info_.cam_cols = head.cols;
}

}  // namespace fovea
