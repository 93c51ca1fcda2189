#include "models/tasks/forward.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "core/half.h"
#include "fovea/error.h"
#include "runtime/ops/attention/attention_rows.h"
#include "runtime/ops/nn/softmax_topk.h"

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
  const ModelInfo& info = model.info();
  const Shape shape{options_.batch, 3, info.height, info.width};
  if (options_.host_input) {
    input_ = r.input(shape, model.storage(), "input");
  } else {
    input_ = r.temporary(shape, model.storage(), "input");
    r.keep(input_);
  }
  maps::Kept kept;
  const bool tapped = options_.attention || options_.all_maps || !options_.full_attention.empty();
  std::vector<size_t> wanted = options_.outputs;
  wanted.push_back(model.output("logits").value());
  outputs_ = model.record(r, {input_}, wanted, tapped ? &kept : nullptr);
  logits_ = outputs_.back();
  for (const Tensor& t : outputs_) r.output(t);
  if (options_.classify) {
    const auto top = ops::softmax_topk(r, logits_, options_.top_k);
    top_probabilities_ = top.best;
    top_indices_ = top.indices;
    r.output(top_probabilities_);
    r.output(top_indices_);
  }
  for (const uint32_t layer : options_.full_attention) {
    full_attention_.push_back(whole(r, kept.layers.at(layer)));
    r.output(full_attention_.back());
  }
  if (!options_.all_maps && !options_.attention) return;
  kept.best = top_indices_;
  if (options_.all_maps) record_all_maps(r, info, kept);
  if (!options_.attention) return;
  kept_ = kept;
  for (AttentionRecord& a : kept_.layers) for_each_tensor(a, [&](const Tensor& t) { r.keep(t); });
  if (kept_.head) r.keep(kept_.head.features);
  for (const Tensor& t : kept_.chain.stream) r.keep(t);
}

// attn.<i> or gate.<i> as the reference implementation has it.
Tensor Forward::whole(Recorder& r, const AttentionRecord& a) const {
  const Tensor t =
      a.layer.kind == AttentionKind::self_attention
          ? ops::attention_rows(r, a.input, a.lse, 0, a.input.layout.queries, ops::RowFusion::none)
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
  for (request.layer = 0; request.layer < static_cast<int>(info.attention.size()); ++request.layer)
    draw(request);
  for (const MapMethod method : info.maps)
    if (method == MapMethod::rollout || method == MapMethod::cam) {
      request = {};
      request.method = method;
      request.target = 0;
      draw(request);
    }
}

Tensor Forward::input() const {
  return program_.shared(input_);
}

void Forward::write_input(std::span<const float> values) {
  if (values.size() != input_.shape.elements())
    throw Error(ErrorKind::usage,
                fmt::format("[forward] {} values for an input {}", values.size(), to_string(input_.shape)));
  if (input_.dtype == DType::f32) return program_.write(input_, std::as_bytes(values));
  std::vector<uint16_t> halves(values.size());
  for (size_t i = 0; i < values.size(); ++i) halves[i] = float_to_half(values[i]);
  program_.write(input_, std::as_bytes(std::span(halves)));
}

std::vector<float> Forward::read(const Tensor& t) const {
  std::vector<float> out(t.shape.elements());
  if (t.dtype == DType::f32) {
    program_.read(t, std::as_writable_bytes(std::span(out)));
    return out;
  }
  std::vector<uint16_t> halves(out.size());
  program_.read(t, std::as_writable_bytes(std::span(halves)));
  for (size_t i = 0; i < out.size(); ++i) out[i] = half_to_float(halves[i]);
  return out;
}

std::vector<uint32_t> Forward::indices() const {
  std::vector<uint32_t> out(top_indices_.shape.elements());
  program_.read(top_indices_, std::as_writable_bytes(std::span(out)));
  return out;
}

maps::Kept Forward::kept() const {
  maps::Kept out = kept_;
  for (AttentionRecord& a : out.layers) for_each_tensor(a, [&](Tensor& t) { t = program_.shared(t); });
  if (out.head) out.head.features = program_.shared(out.head.features);
  for (Tensor& t : out.chain.stream) t = program_.shared(t);
  if (out.best) out.best = program_.shared(out.best);
  return out;
}

}  // namespace fovea
