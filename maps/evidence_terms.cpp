#include "maps/evidence_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "fovea/error.h"
#include "models/nn/stream.h"
#include "runtime/ops/maps/attention_relevance.h"
#include "runtime/ops/maps/channel_dot.h"
#include "runtime/ops/nn/place_tokens.h"

namespace fovea::maps {
namespace {

// A vector of weights as a result that the host reads.
Tensor copied(Recorder& r, const Tensor& vector) {
  if (!vector) return {};
  const Tensor out = ops::place_tokens(r, vector.reshaped({1, 1, vector.shape.last()}), {});
  r.output(out);
  return out;
}

}  // namespace

EvidenceTerms::EvidenceTerms(gpu::Device& device, const Kept& kept, const ModelInfo& info)
    : classes_(info.classes) {
  if (std::find(info.maps.begin(), info.maps.end(), MapMethod::evidence) == info.maps.end())
    throw Error(ErrorKind::usage, fmt::format("[evidence] a logit of {} is no such sum; its maps are {}",
                                              info.architecture, names_of(info.maps)));
  Recorder r(device);
  const layers::ClassHead& head = *kept.answer.head;
  images_ = kept.answer.x.shape[0];
  class_ = r.input({images_, 1}, DType::u32, "class");
  class_weights_ = head.class_weights(r, class_, 0);
  const Tensor direction = head.gradient(r, kept.answer.x, class_weights_, /*held=*/true);
  const uint32_t rows = direction.shape[1], width = direction.shape[2];
  // The part of the logit that a stream is.
  const auto part = [&](const Tensor& leading) {
    const Tensor out = ops::channel_dot(r, leading.reshaped({images_ * rows, 1, width}),
                                        direction.reshaped({images_ * rows, width}));
    r.output(out);
    return out;
  };
  for (const StepRun& run : kept.steps) {
    const AttentionRecord& record = kept.layers.at(run.layer);
    ops::RelevanceCase c;
    c.in = layers::attention_of(record, rows);
    c.lse = record.lse;
    c.gradient = run.step->heads_gradient(r, c.in, {}, direction, /*held=*/true);
    c.heads = ops::RelevanceHeads::each;
    const Tensor x = ops::leading_tokens(r, run.x, rows);
    layers_.push_back({ops::attention_relevance(r, c), part(x), part(run.step->middle(r, x, c.in).y), {}});
    r.output(layers_.back().terms);
    for (const layers::Step::Product& p : run.step->constants(r, c.in, direction)) {
      r.output(p.gradient);
      layers_.back().constants.push_back({p.gradient, copied(r, p.vector), copied(r, p.scale)});
    }
  }
  after_ = part(ops::leading_tokens(r, kept.answer.x, rows));
  for (const Tensor& weights : class_weights_) r.output(weights);
  if (const layers::LayerNorm* norm = head.one_norm()) beta_ = copied(r, norm->beta());
  for (const layers::Linear& linear : head.linears())
    if (const Tensor& bias = linear.weights().bias) head_bias_.push_back(copied(r, bias));
  program_ = r.finish();
}

std::vector<float> EvidenceTerms::read(const Tensor& t) const {
  std::vector<float> out(t.shape.elements());
  program_.read(t, std::as_writable_bytes(std::span(out)));
  return out;
}

double EvidenceTerms::sum(const Tensor& t, uint32_t slot) const {
  const auto values = read(t);
  const auto count = static_cast<std::ptrdiff_t>(values.size() / images_);
  const auto first = values.begin() + slot * count;
  return std::accumulate(first, first + count, 0.0);
}

// Σ over an image's rows and channels.
double EvidenceTerms::of_image(const layers::Step::Product& product, uint32_t slot) const {
  const auto gradient = read(product.gradient), vector = read(product.vector),
             scale = product.scale ? read(product.scale) : std::vector<float>();
  const size_t width = product.gradient.shape.last(), count = gradient.size() / images_;
  double total = 0;
  for (size_t i = 0; i < count; ++i)
    total += double{gradient[slot * count + i]} * double{vector[i % width]} *
             (scale.empty() ? 1.0 : double{scale[i % width]});
  return total;
}

ClassEvidence EvidenceTerms::of(uint32_t target, uint32_t slot) {
  if (target >= classes_ || slot >= images_)
    throw Error(ErrorKind::usage,
                fmt::format("[evidence] class {} of slot {}, there are classes 0…{} and slots 0…{}", target,
                            slot, classes_ - 1, images_ - 1));
  const std::vector<uint32_t> targets(images_, target);
  program_.write(class_, std::as_bytes(std::span(targets)));
  program_.run();

  ClassEvidence out;
  out.target = target;
  out.layers = static_cast<uint32_t>(layers_.size());
  out.heads = layers_.front().terms.shape[1];
  out.tokens = layers_.front().terms.shape[2];
  const size_t terms = size_t{out.heads} * out.tokens;
  for (size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const auto all = read(layer.terms);
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(slot * terms);
    out.attention.insert(out.attention.end(), first, first + static_cast<std::ptrdiff_t>(terms));
    double constant = 0;
    for (const layers::Step::Product& product : layer.constants) constant += of_image(product, slot);
    out.bias.push_back(static_cast<float>(constant));
    const Tensor& next = l + 1 < layers_.size() ? layers_[l + 1].before : after_;
    out.mlp.push_back(static_cast<float>(sum(next, slot) - sum(layer.middle, slot)));
  }
  out.embedding = static_cast<float>(sum(layers_.front().before, slot));
  double constant = 0;
  for (const Tensor& weights : class_weights_)
    if (beta_) constant += of_image({weights, beta_, {}}, slot);
  for (const Tensor& bias : head_bias_) constant += double{read(bias)[target]};
  out.constant = static_cast<float>(constant);
  return out;
}

}  // namespace fovea::maps

namespace fovea {

double ClassEvidence::total() const {
  double sum = double{embedding} + double{constant};
  for (const auto* terms : {&attention, &bias, &mlp})
    sum = std::accumulate(terms->begin(), terms->end(), sum);
  return sum;
}

}  // namespace fovea
