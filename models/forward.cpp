#include "models/forward.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "models/maps/methods.h"
#include "runtime/half.h"
#include "runtime/ops/attention_rows.h"
#include "runtime/ops/softmax_topk.h"

namespace fovea {

Forward::Forward(const LoadedModel& model, const Options& options) : options_(options) {
  Recorder::Options recording;
  recording.profile = options.profile;
  Recorder r(model.device().impl(), recording);
  record(r, model);
  program_ = r.finish();
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
  AttentionTap tap;
  const bool tapped = options_.attention || options_.all_maps || !options_.full_attention.empty();
  const ForwardResult result = model.forward(r, input_, options_.features, tapped ? &tap : nullptr);
  logits_ = result.logits;
  r.output(logits_);
  if (options_.features) {
    features_ = result.features;
    r.output(features_);
  }
  if (options_.classify) {
    const auto top = ops::softmax_topk(r, logits_, options_.top_k);
    top_probabilities_ = top.best;
    top_indices_ = top.indices;
    r.output(top_probabilities_);
    r.output(top_indices_);
  }
  for (const uint32_t layer : options_.full_attention) {
    const AttentionRecord& a = tap.layers.at(layer);
    full_attention_.push_back(
        ops::attention_rows(r, a.input, a.lse, 0, a.input.layout.queries, ops::RowFusion::none));
    r.output(full_attention_.back());
  }
  if (options_.all_maps) {
    for (uint32_t l = 0; l < info.attention.size(); ++l) {
      MapRequest request;
      request.layer = static_cast<int>(l);
      r.output(maps::raw(r, tap.layers, request, info));
    }
    r.output(maps::rollout(r, tap.layers, {}, info));
  }
  if (options_.attention) {
    attention_ = tap.layers;
    for (const AttentionRecord& a : attention_) {
      r.keep(a.input.q);
      r.keep(a.input.k);
      r.keep(a.lse);
    }
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

std::vector<AttentionRecord> Forward::kept_attention() const {
  std::vector<AttentionRecord> out = attention_;
  for (AttentionRecord& a : out) {
    a.input.q = program_.shared(a.input.q);
    a.input.k = program_.shared(a.input.k);
    a.lse = program_.shared(a.lse);
  }
  return out;
}

}  // namespace fovea
