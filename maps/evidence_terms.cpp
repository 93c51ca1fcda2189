#include "maps/evidence_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "fovea/error.h"
#include "models/nn/transformer_chain.h"
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
  const layers::TransformerChain& chain = *kept.chain.chain;
  images_ = kept.chain.stream.front().shape[0];
  class_ = r.input({images_, 1}, DType::u32, "class");
  class_weights_ = chain.class_weights(r, class_, 0);
  direction_ = chain.head_gradient(r, kept.chain.stream.back(), class_weights_, true);
  const uint32_t rows = direction_.shape[1], width = direction_.shape[2];
  // The part of the logit that a stream is.
  const auto part = [&](const Tensor& leading) {
    const Tensor out = ops::channel_dot(r, leading.reshaped({images_ * rows, 1, width}),
                                        direction_.reshaped({images_ * rows, width}));
    r.output(out);
    return out;
  };
  for (uint32_t l = 0; l < chain.blocks.size(); ++l) {
    ops::RelevanceCase c;
    c.in = chain.attention_of(kept.layers.at(l), rows);
    c.lse = kept.layers.at(l).lse;
    c.gradient = chain.blocks[l].heads_gradient(r, c.in, {}, direction_, true);
    c.heads = ops::RelevanceHeads::each;
    const Tensor x = ops::leading_tokens(r, kept.chain.stream[l], rows);
    layers_.push_back({ops::attention_relevance(r, c), part(x), part(chain.blocks[l].middle(r, x, c.in).y),
                       copied(r, chain.blocks[l].attention_bias()),
                       copied(r, chain.blocks[l].attention_scale())});
    r.output(layers_.back().terms);
  }
  after_ = part(ops::leading_tokens(r, kept.chain.stream.back(), rows));
  r.output(direction_);
  r.output(class_weights_);
  if (const auto& norm = chain.norm ? chain.norm : chain.fc_norm) beta_ = copied(r, norm->beta());
  for (const ops::LinearWeights& head : chain.heads)
    if (head.bias) head_bias_.push_back(copied(r, head.bias));
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
  const uint32_t rows = direction_.shape[1], width = direction_.shape[2];
  const auto direction = read(direction_), class_weights = read(class_weights_);
  // Σ over an image's rows and channels of x ⊙ a vector (⊙ a scale).
  const auto dot = [&](const std::vector<float>& x, uint32_t count, const std::vector<float>& vector,
                       const std::vector<float>& scale) {
    double total = 0;
    for (size_t i = 0; i < size_t{count} * width; ++i)
      total += double{x[size_t{slot} * count * width + i]} * double{vector[i % width]} *
               (scale.empty() ? 1.0 : double{scale[i % width]});
    return total;
  };
  const auto if_there = [&](const Tensor& t) { return t ? read(t) : std::vector<float>(); };
  const size_t terms = size_t{out.heads} * out.tokens;
  for (size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const auto all = read(layer.terms);
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(slot * terms);
    out.attention.insert(out.attention.end(), first, first + static_cast<std::ptrdiff_t>(terms));
    out.bias.push_back(layer.bias
                           ? static_cast<float>(dot(direction, rows, read(layer.bias), if_there(layer.scale)))
                           : 0.0F);
    const Tensor& next = l + 1 < layers_.size() ? layers_[l + 1].before : after_;
    out.mlp.push_back(static_cast<float>(sum(next, slot) - sum(layer.middle, slot)));
  }
  out.embedding = static_cast<float>(sum(layers_.front().before, slot));
  double constant = beta_ ? dot(class_weights, class_weights_.shape[1], read(beta_), {}) : 0;
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
