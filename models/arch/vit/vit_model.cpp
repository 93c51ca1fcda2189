#include "models/arch/vit/vit_model.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "fovea/error.h"

namespace fovea {
namespace {

// [class token, mean of patches] as two layers whose answers add up.
std::array<layers::LinearNumbers, 2> halves(const layers::LinearNumbers& whole) {
  std::array<layers::LinearNumbers, 2> out;
  const uint32_t inputs = whole.inputs / 2;
  for (size_t half = 0; half < 2; ++half) {
    out[half] = {whole.name, whole.columns, inputs, {}, half == 0 ? whole.bias : std::vector<float>()};
    for (uint32_t row = 0; row < whole.columns; ++row) {
      const auto first = whole.weight.begin() + static_cast<std::ptrdiff_t>((2 * row + half) * inputs);
      out[half].weight.insert(out[half].weight.end(), first, first + inputs);
    }
  }
  return out;
}

}  // namespace

Vit::Vit(const Loading& from, const VitShape& shape)
    : LoadedModel(from), s_(shape), trunk_(store_, from.config, from.weights, info_, s_) {
  head_ = class_head(from.config, from.weights);
  declare_answers(from.weights);
}

layers::ClassHead Vit::class_head(const io::ModelConfig& config, const io::Weights& w) {
  layers::ClassHead::Parts parts;
  parts.norm = layers::LayerNorm::if_there(store_, w / "norm", s_.width, s_.epsilon);
  parts.fc_norm = layers::LayerNorm::if_there(store_, w / "fc_norm", s_.width, s_.epsilon);
  if (s_.pool == Pool::attention) {
    const uint32_t heads = s_.pool_heads == 0 ? s_.heads : s_.pool_heads;
    const layers::BlockShape shape{s_.width, heads, s_.epsilon, s_.activation, trunk_.grid()};
    parts.pool.emplace(store_, w / "attn_pool", shape, s_.pools_prefix ? 0 : s_.prefix());
  }
  parts.linears = linears(config, w);
  const bool token = s_.pool == Pool::token || s_.pool == Pool::token_and_mean;
  const bool mean = s_.pool == Pool::mean || s_.pool == Pool::token_and_mean;
  return {{w.has("head_dist.weight") ? 2U : token ? 1U : 0U, mean, trunk_.grid()}, std::move(parts)};
}

std::vector<layers::Linear> Vit::linears(const io::ModelConfig& config, const io::Weights& w) {
  std::vector<layers::Linear> out;
  if (s_.pool == Pool::token_and_mean) {
    if (const auto numbers = classifier_numbers(config, w / "head", 2 * s_.width))
      for (const layers::LinearNumbers& half : halves(*numbers)) out.emplace_back(store_, half);
    return out;
  }
  // DeiT answers with the mean of both heads (Touvron et al. 2021, 3).
  const bool both = w.has("head_dist.weight");
  if (const auto head = classifier(config, w / "head", s_.width, both ? 0.5F : 1.0F)) {
    out.push_back(*head);
    if (both) out.emplace_back(store_, w / "head_dist", info_.classes, s_.width, 0.5F);
  }
  return out;
}

void Vit::declare_answers(const io::Weights& w) {
  if (w.has("pooler.dense.weight")) pooler_.emplace(store_, w / "pooler" / "dense", s_.width, s_.width);
  if (pooler_ || s_.pooler_output) pooler_output_ = declare_output("pooler_output");
  // timm gives what a head would read where there is none.
  if (info_.has_head || naming_ == io::Naming::timm) logits_ = declare_output("logits");
}

// Behind the last norm, and through a pooler where there is one.
Tensor Vit::class_token(Recorder& r, const Tensor& x) const {
  const Tensor token = head_->read(r, x, 0);
  return pooler_ ? (*pooler_)(r, token) : token;
}

void Vit::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  const Tensor x = trunk_(r, pass.input(pixels_), pass.tap());  // [images, tokens, width]
  if (pass.wants(features_)) pass.give(features_, head_->normed(r, x));
  if (pass.wants(pooler_output_)) pass.give(pooler_output_, class_token(r, x));
  if (pass.wants(logits_)) pass.give(logits_, (*head_)(r, x, pass.tap()));
}

}  // namespace fovea
