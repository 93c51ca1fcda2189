#include "models/model/model.h"

#include <fmt/format.h>

#include <array>
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
    case AttentionKind::sequence_attention:
      return "sequence attention";
    case AttentionKind::cross_attention:
      return "cross-attention";
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
      store_(from.device.impl(), from.storage,
             from.weights.stored_bytes(element_bytes(from.storage),
                                       from.device.impl().limits().storage_alignment)),
      preprocess_(from.config.preprocess),
      naming_(from.config.naming) {
  if (from.options.height != 0) preprocess_.height = from.options.height;
  if (from.options.width != 0) preprocess_.width = from.options.width;
  info_.architecture = from.config.architecture;
  info_.height = preprocess_.height;
  info_.width = preprocess_.width;
}

size_t LoadedModel::declare_input(Port port) {
  inputs_.push_back(std::move(port));
  return inputs_.size() - 1;
}

size_t LoadedModel::declare_words(std::string name, std::string axis, uint64_t below) {
  return declare_input({.name = std::move(name),
                        .alias = "",
                        .type = DType::u32,
                        .shape = {0},
                        .axes = {std::move(axis)},
                        .optional = true,
                        .below = below});
}

size_t LoadedModel::declare_lengths(std::string axis, bool optional) {
  return declare_input({.name = "lengths",
                        .alias = "",
                        .type = DType::u32,
                        .shape = {},
                        .optional = optional,
                        .up_to = std::move(axis)});
}

size_t LoadedModel::declare_output_from(std::string name, size_t needs) {
  return declare_output(
      {.name = std::move(name), .alias = "", .type = DType::f32, .shape = {}, .needs = {needs}});
}

size_t LoadedModel::declare_output(Port port) {
  outputs_.push_back(std::move(port));
  return outputs_.size() - 1;
}

size_t LoadedModel::declare_output(std::string name, std::string alias) {
  return declare_output(Port{std::move(name), std::move(alias), DType::f32, {}});
}

size_t LoadedModel::declare_pixels() {
  const bool short_name = naming_ != io::Naming::transformers;
  info_.takes_pictures = true;
  return declare_input({short_name ? "input" : "pixel_values",
                        short_name ? "pixel_values" : "input",
                        DType::f32,
                        {3, preprocess_.height, preprocess_.width}});
}

size_t LoadedModel::declare_features() {
  return naming_ != io::Naming::transformers ? declare_output("features")
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
  const uint32_t images = inputs.at(0).shape[0];
  Axes axes;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Tensor& given = inputs.at(i);
    if (!given && inputs_[i].optional) continue;
    if (given.shape[0] != images || given.dtype != device_type(inputs_[i]) ||
        !fits(inputs_[i], of_one_image(given.shape), axes))
      throw Error(
          ErrorKind::usage,
          fmt::format("[forward] {} is {} {}, {} takes {} {}, 0 for any extent", inputs_[i].name,
                      to_string(given.dtype), to_string(given.shape), info_.architecture,
                      to_string(device_type(inputs_[i])), to_string(of_images(images, inputs_[i].shape))));
  }
  Pass pass(r, std::move(inputs), outputs_.size(), wanted, tap);
  forward(pass);
  if (tap != nullptr && !layers::is_stream(*tap)) tap->steps.clear();  // they lead nowhere

  std::vector<Tensor> out;
  for (const size_t i : wanted) {
    const Port& port = outputs_.at(i);
    const Tensor& given = pass.output(i);
    const bool good = port.whole ? given && given.shape.elements() == port.shape.elements()
                      : !rehearsed_
                          ? static_cast<bool>(given)
                          : given && given.shape[0] == images && fits(port, of_one_image(given.shape), axes);
    if (!good)
      throw Error(ErrorKind::model,
                  fmt::format("[forward] {} gives {} {}, expected {} for {} images", info_.architecture,
                              port.name, to_string(given.shape), to_string(port.shape), images));
    out.push_back(given);
  }
  return out;
}

namespace {

Shape with_extent(const Shape& shape, uint32_t dimension, uint32_t extent) {
  std::array<uint32_t, 3> sizes{shape[0], shape[1], shape[2]};
  sizes.at(dimension) = extent;
  return shape.rank() == 1   ? Shape{sizes[0]}
         : shape.rank() == 2 ? Shape{sizes[0], sizes[1]}
                             : Shape{sizes[0], sizes[1], sizes[2]};
}

}  // namespace

// Extents for all named axes, so far apart.
Axes LoadedModel::some_axes(uint32_t first, uint32_t apart) const {
  Axes axes;
  for (const Port& port : inputs_)
    for (const std::string& axis : port.axes)
      if (!axis.empty() && axes.emplace(axis, first).second) first += apart;
  return axes;
}

std::vector<Tensor> LoadedModel::rehearse(const Axes& axes, AttentionTap* tap) const {
  Recorder::Options options;
  options.describe = true;
  Recorder r(device_.impl(), options);
  std::vector<Tensor> inputs;
  for (const Port& port : inputs_) {
    Shape one = port.shape;
    for (uint32_t i = 0; i < port.axes.size(); ++i)
      if (!port.axes[i].empty()) one = with_extent(one, i, axes.at(port.axes[i]));
    inputs.push_back(r.input(of_images(1, one), device_type(port), port.name.c_str()));
  }
  std::vector<size_t> all(outputs_.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return record(r, std::move(inputs), all, tap);
}

AttentionTap LoadedModel::rehearse() {
  AttentionTap tap;
  // Extents of outputs that differ between two passes over inputs of different extents are open. One more
  // than an axis is no other axis, as those are not as far apart in both.
  const Axes axes = some_axes(3, 1), others = some_axes(11, 3);
  const std::vector<Tensor> given = rehearse(axes, &tap);
  const std::vector<Tensor> again = axes.empty() ? given : rehearse(others, nullptr);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Port& port = outputs_[i];
    if (port.whole) continue;
    const Shape one = of_one_image(given[i].shape), other = of_one_image(again[i].shape);
    port.shape = one;
    if (given[i].dtype != DType::f16) port.type = given[i].dtype;
    port.axes.assign(one.rank(), "");
    for (uint32_t d = 0; d < one.rank(); ++d) {
      if (one[d] == other[d]) continue;
      port.shape = with_extent(port.shape, d, 0);
      for (const auto& [axis, extent] : axes)
        if (one[d] == extent && other[d] == others.at(axis)) port.axes[d] = axis;
    }
  }
  if (!output("logits")) info_.classes = 0;
  rehearsed_ = true;
  return tap;
}

void LoadedModel::demand_pictures(const char* operation) const {
  if (!info_.takes_pictures)
    throw Error(ErrorKind::usage, fmt::format("[{}] {} takes no pictures, but tensors by name: run them "
                                              "(`fovea run`)",
                                              operation, info_.architecture));
  if (inputs_.size() > 1)
    throw Error(ErrorKind::usage,
                fmt::format("[{}] {} reads {} beside its picture: run it by names (`fovea run`)", operation,
                            info_.architecture, inputs_.back().name));
}

void LoadedModel::finish(uint64_t parameters) {
  store_.finish();
  info_.parameters = parameters;
  if (!info_.takes_pictures) info_.height = info_.width = 0;
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
