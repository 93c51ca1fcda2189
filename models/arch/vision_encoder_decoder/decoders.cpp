#include "models/arch/vision_encoder_decoder/decoders.h"

#include <fmt/format.h>

#include <cmath>

#include "fovea/error.h"
#include "models/nn/activation.h"

namespace fovea::decoders {
namespace {

constexpr uint32_t most = 1U << 20;

// Throws Error(model) where a setting and the weights say different things.
void demand_agreement(const io::ModelConfig& config, const char* key, bool says, bool has,
                      const std::string& tensor) {
  if (says != has)
    throw Error(ErrorKind::model, fmt::format("[load] {}: the decoder's {} is {}, and the weights have {}{}",
                                              config.file.string(), key, says, has ? "" : "no ", tensor));
}

// Rows of sines and cosines side by side; the row of pads is zero (Vaswani et al. 2017, 3.5, as fairseq lays
// them out).
std::vector<float> sinusoids(uint32_t rows, uint32_t width, uint32_t zero_row) {
  std::vector<float> out(size_t{rows} * width);
  const uint32_t half = width / 2;
  // fp32 as the reference has it: the angles grow to hundreds.
  const float step = static_cast<float>(std::log(10000.0) / (half - 1));
  for (uint32_t row = 0; row < rows; ++row)
    for (uint32_t i = 0; i < half && row != zero_row; ++i) {
      const float angle = static_cast<float>(row) * std::exp(static_cast<float>(i) * -step);
      out[size_t{row} * width + i] = std::sin(angle);
      out[size_t{row} * width + half + i] = std::cos(angle);
    }
  return out;
}

}  // namespace

uint32_t cross_width(const io::ModelConfig& config) {
  return io::arg_uint(config.model_args, "cross_attention_hidden_size", 0, config.file, 0, most);
}

layers::TextStackShape trocr(const io::ModelConfig& config, const io::Weights& w) {
  const auto& args = config.model_args;
  const auto number = [&](const char* key, uint32_t fallback, uint32_t least = 1) {
    return io::arg_uint(args, key, fallback, config.file, least, most);
  };
  layers::TextStackShape s;
  const uint32_t width = number("d_model", 1024);
  s.layer.attention.width = width;
  s.layer.attention.heads = number("decoder_attention_heads", 16);
  s.layer.hidden = number("decoder_ffn_dim", 4096);
  s.layer.activation = layers::activation_of(config, "activation_function", "gelu");
  s.depth = number("decoder_layers", 12);
  s.vocabulary = number("vocab_size", 50265);
  if (io::arg_bool(args, "scale_embedding", false, config.file))
    s.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(width)));
  demand_agreement(config, "layernorm_embedding",
                   io::arg_bool(args, "layernorm_embedding", true, config.file), w.has("norm_embed.weight"),
                   "layernorm_embedding");

  const uint32_t longest = number("max_position_embeddings", 512);
  const bool learned = io::arg_bool(args, "use_learned_position_embeddings", true, config.file);
  demand_agreement(config, "use_learned_position_embeddings", learned, w.has("positions.weight"),
                   "embed_positions.weight");
  const uint32_t pad = number("pad_token_id", 1, 0);
  if (learned) {
    s.first_position = 2;
    s.positions = w.take("positions.weight", {longest + 2, width});
  } else {
    if (width < 4 || width % 2 != 0)
      throw Error(ErrorKind::model,
                  fmt::format("[load] {}: sinusoidal positions of {} channels", config.file.string(), width));
    s.first_position = pad;
    s.uncounted = pad;
    s.positions = sinusoids(longest + pad + 1, width, pad);
    w.ignore("positions._float_tensor");
  }
  return s;
}

layers::TextStackShape gpt2(const io::ModelConfig& config, const io::Weights& w) {
  const auto& args = config.model_args;
  const auto number = [&](const char* key, uint32_t fallback) {
    return io::arg_uint(args, key, fallback, config.file, 1, most);
  };
  layers::TextStackShape s;
  const uint32_t width = number("n_embd", 768), heads = number("n_head", 12);
  s.layer.attention.width = width;
  s.layer.attention.heads = heads;
  s.layer.attention.order = layers::MatrixOrder::inputs_first;
  s.layer.hidden = number("n_inner", 4 * width);
  s.layer.activation = layers::activation_of(config, "activation_function", "gelu_new");
  s.layer.epsilon = static_cast<float>(io::arg_double(args, "layer_norm_epsilon", 1e-5, config.file, 0, 1));
  s.layer.norms = layers::NormOrder::before;
  s.depth = number("n_layer", 12);
  s.vocabulary = number("vocab_size", 50257);
  s.positions = w.take("positions.weight", {number("n_positions", 1024), width});

  const bool scaled = io::arg_bool(args, "scale_attn_weights", true, config.file);
  const bool by_layer = io::arg_bool(args, "scale_attn_by_inverse_layer_idx", false, config.file);
  const uint32_t head_width = width / heads;
  const float scale = scaled ? 1.0F / std::sqrt(static_cast<float>(head_width)) : 1.0F;
  for (uint32_t i = 0; i < s.depth; ++i)
    s.logit_scales.push_back(by_layer ? scale / static_cast<float>(i + 1) : scale);
  for (uint32_t i = 0; i < s.depth; ++i)  // its causal masks
    for (const char* attention : {"attn", "crossattention"})
      for (const char* buffer : {"bias", "masked_bias"})
        w.ignore(fmt::format("layers.{}.{}.{}", i, attention, buffer));
  return s;
}

}  // namespace fovea::decoders
