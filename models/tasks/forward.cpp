#include "models/tasks/forward.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "core/floats.h"
#include "fovea/error.h"
#include "models/tasks/recorded_inputs.h"
#include "runtime/ops/attention/attention_rows.h"

namespace fovea {

Forward::Forward(const LoadedModel& model, const Options& options) : options_(options) {
  Recorder::Options recording;
  recording.profile = options.profile;
  Recorder r(model.device().impl(), recording);
  record(r, model);
  program_ = r.finish();
  for (const auto& [tensor, values] : presets_) program_.write(tensor, std::as_bytes(std::span(values)));
}

void Forward::record(Recorder& r, const LoadedModel& model) {
  std::vector<std::optional<Shape>> shapes = options_.inputs;
  if (shapes.empty())
    for (const Port& port : model.inputs())
      shapes.push_back(port.optional ? std::nullopt : std::optional(port.shape));
  inputs_ = record_inputs(r, model, options_.batch, shapes, [&](size_t) { return options_.host_input; });
  maps::Kept kept;
  const bool tapped = options_.attention || options_.all_maps || !options_.full_attention.empty();
  std::vector<size_t> wanted = options_.outputs;
  if (options_.classify)
    wanted.push_back(options_.classify->output());
  else if (tapped)  // a head tells the tap of itself when it answers
    wanted.push_back(Classify(model, 1).output());
  outputs_ = model.record(r, inputs_, wanted, tapped ? &kept : nullptr);
  for (const Tensor& t : outputs_) r.output(t);
  if (options_.classify) {
    answer_ = options_.classify->record(r, outputs_.back());
    for (const Tensor* t : answer_.tensors()) r.output(*t);
    kept.best = answer_.indices;
  }
  for (const uint32_t layer : options_.full_attention) {
    if (layer >= kept.layers.size())
      throw Error(ErrorKind::usage,
                  fmt::format("[forward] `{}` is attention of a part that runs on inputs that "
                              "were left out",
                              model.info().attention.at(layer).tensor));
    full_attention_.push_back(whole(r, kept.layers[layer]));
    r.output(full_attention_.back());
  }
  if (options_.all_maps) record_all_maps(r, model.info(), kept);
  if (!options_.attention) return;
  kept_ = kept;
  for_each_tensor(kept_, [&](const Tensor& t) { r.keep(t); });
}

// A layer's attention as the reference implementation has it.
Tensor Forward::whole(Recorder& r, const AttentionRecord& a) const {
  const Tensor t =
      a.lse ? ops::attention_rows(r, a.input, a.lse, 0, a.input.layout.queries, ops::RowFusion::none)
            : a.values;
  return a.reference.rank() == 0 ? t : t.reshaped(a.reference);
}

void Forward::record_all_maps(Recorder& r, const ModelInfo& info, const maps::Kept& kept) {
  const auto draw = [&](const MapRequest& request) {
    maps::Drawn map = maps::draw(r, kept, request, info);
    r.output(map.values);
    std::move(map.presets.begin(), map.presets.end(), std::back_inserter(presets_));
  };
  MapRequest request;
  for (const uint32_t layer : drawable_layers(info, MapMethod::raw)) {
    request.layer = static_cast<int>(layer);
    draw(request);
  }
  for (const MapMethod method : info.maps)
    if (method == MapMethod::rollout || method == MapMethod::cam) {
      request = {};
      request.method = method;
      request.target = 0;
      draw(request);
    }
}

const Tensor& Forward::input_of(size_t input, size_t values) const {
  const Tensor& t = inputs_.at(input);
  if (values != t.shape.elements())
    throw Error(ErrorKind::usage,
                fmt::format("[forward] {} values for an input {}", values, to_string(t.shape)));
  return t;
}

void Forward::write(size_t input, std::span<const float> values) {
  const Tensor& t = input_of(input, values.size());
  program_.write(t, from_floats(values, t.dtype));
}

void Forward::write(size_t input, std::span<const uint32_t> values) {
  program_.write(input_of(input, values.size()), std::as_bytes(values));
}

std::vector<float> Forward::floats(const Tensor& t) const {
  return program_.read_floats(t);
}

std::vector<uint32_t> Forward::words(const Tensor& t) const {
  std::vector<uint32_t> out(t.shape.elements());
  program_.read(t, std::as_writable_bytes(std::span(out)));
  return out;
}

maps::Kept Forward::kept() const {
  maps::Kept out = kept_;
  for_each_tensor(out, [&](Tensor& t) { t = program_.shared(t); });
  if (out.best) out.best = program_.shared(out.best);
  return out;
}

}  // namespace fovea
