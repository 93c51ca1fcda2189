// Pictures read as text: an encoder of pictures, and a decoder that looks at all its tokens at every step
// (transformers' VisionEncoderDecoderModel: TrOCR, Li et al. 2023; ViT with GPT-2).
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "fovea/error.h"
#include "models/arch/vision_encoder_decoder/decoders.h"
#include "models/arch/vision_encoder_decoder/names.h"
#include "models/arch/vit/vit_trunk.h"
#include "models/model/family.h"
#include "models/model/writer.h"

namespace fovea {
namespace {

constexpr const char* model_type = "vision-encoder-decoder";

bool is_one_of(const std::string& text, std::initializer_list<const char*> known) {
  return std::any_of(known.begin(), known.end(), [&](const char* one) { return text == one; });
}

std::string part_type(const io::ModelConfig& config, const char* part) {
  return io::part_of(config, part).model_type;
}

layers::TextStackShape text_shape(const io::ModelConfig& decoder, const io::Weights& w,
                                  uint32_t encoder_width, bool projected) {
  layers::TextStackShape s =
      decoder.model_type == "gpt2" ? decoders::gpt2(decoder, w) : decoders::trocr(decoder, w);
  layers::TokenAttentionShape& attention = s.layer.attention;
  const uint32_t asked = decoder.model_type == "gpt2" ? 0 : decoders::cross_width(decoder);
  attention.memory_width = projected || asked == 0 ? attention.width : asked;
  if (const uint32_t given = projected ? attention.width : encoder_width; given != attention.memory_width)
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: the encoder gives tokens of {} channels, the decoder looks at {}",
                            decoder.file.string(), given, attention.memory_width));
  s.layer.self = {AttentionKind::sequence_attention, "decoder_attn"};
  return s;
}

class VisionEncoderDecoder : public LoadedModel, public Writer {
 public:
  explicit VisionEncoderDecoder(const Loading& from)
      : VisionEncoderDecoder(from, io::part_of(from.config, "encoder"), io::part_of(from.config, "decoder")) {
  }

  void forward(Pass& pass) const override {
    Recorder& r = pass.recorder();
    const Tensor tokens = encode(r, pass.input(pixels_), pass.tap());  // [images, keys, encoder's width]
    if (pass.wants(encoder_state_)) pass.give(encoder_state_, tokens);
    if (!pass.wants(logits_)) return;
    const std::vector<Tensor> kv = text_.keys_and_values(r, projected(r, tokens));
    layers::TextPass text{pass.input(ids_), {.causal = true}, {}, kv};
    text.tap = pass.tap();
    pass.give(logits_, head_(r, text_(r, text)));  // [images, tokens, vocabulary]
  }

  const Writer* writer() const override { return this; }
  const layers::TextStack& text() const override { return text_; }
  const layers::VocabularyHead& head() const override { return head_; }
  Reads reads(size_t input) const override { return input == pixels_ ? Reads::always : Reads::never; }
  Tensor memory(Recorder& r, std::span<const Tensor> inputs, AttentionTap* tap) const override {
    return projected(r, encode(r, inputs[pixels_], tap));
  }
  MemoryGradient memory_gradient(Recorder& r, const AttentionTap& tap, const Tensor& dy) const override {
    return {{}, norm_.backward(r, tap.steps.back().y, memory_ ? memory_->backward(r, dy) : dy)};
  }
  Ids ids() const override { return written_; }
  TextTask task() const override { return task_; }

 private:
  VisionEncoderDecoder(const Loading& from, const io::ModelConfig& encoder, const io::ModelConfig& decoder)
      : LoadedModel(from),
        shape_(vit_shape({from.device, from.storage, encoder, from.weights / "encoder", from.options})),
        trunk_(store_, encoder, from.weights / "encoder", info_, shape_),
        norm_(store_, from.weights / "encoder" / "norm", shape_.width, shape_.epsilon),
        has_memory_(from.weights.has("memory.weight")),
        text_(store_, from.weights / "text",
              text_shape(decoder, from.weights / "text", shape_.width, has_memory_)),
        head_(scores(decoder, from.weights)) {
    if (has_memory_) memory_.emplace(store_, from.weights / "memory", text_.width(), shape_.width);
    text_.drop_table();
    for (const char* name : {"pooler.dense.weight", "pooler.dense.bias"})
      (from.weights / "encoder").ignore(name);
    set_ids(from.config, decoder);
    task_ = decoder.model_type == "gpt2" ? TextTask::describe : TextTask::read;
    encoder_state_ = declare_output("encoder_last_hidden_state");
    ids_ = declare_words("decoder_input_ids", "tokens", text_.vocabulary());
    logits_ = declare_output_from("logits", ids_);
  }

  // Tied to the vocabulary's table, or a matrix of its own.
  layers::VocabularyHead scores(const io::ModelConfig& decoder, const io::Weights& w) {
    const uint32_t vocabulary = text_.vocabulary(), width = text_.width();
    const bool tied = io::arg_bool(decoder.model_args, "tie_word_embeddings", true, decoder.file);
    layers::LinearNumbers numbers{"head", vocabulary, width, text_.table(), {}};
    if (!tied || w.has("head.weight")) numbers = layers::linear_numbers(w / "head", vocabulary, width);
    if (tied && numbers.weight != text_.table())
      throw Error(
          ErrorKind::model,
          fmt::format("[load] {}: tie_word_embeddings is true, and the decoder's output projection is "
                      "another matrix than its embedding",
                      decoder.file.string()));
    return layers::VocabularyHead(layers::VocabularyScores(store_, numbers));
  }

  void set_ids(const io::ModelConfig& config, const io::ModelConfig& decoder) {
    const auto id = [&](const char* key, uint32_t fallback) {
      const uint32_t most = text_.vocabulary() - 1;
      const uint32_t inner = io::arg_uint(decoder.model_args, key, fallback, config.file, 0, most);
      return io::arg_uint(config.model_args, key, inner, config.file, 0, most);
    };
    written_.end = id("eos_token_id", 2);
    written_.pad = id("pad_token_id", written_.end);
    written_.start = id("decoder_start_token_id", id("bos_token_id", written_.end));
  }

  Tensor encode(Recorder& r, const Tensor& pixels, AttentionTap* tap) const {
    const Tensor tokens = norm_(r, trunk_(r, pixels, tap));
    if (tap != nullptr)
      for (AttentionRecord& record : tap->layers) record.layer.tensor = "encoder_attn";
    return tokens;
  }
  Tensor projected(Recorder& r, const Tensor& tokens) const {
    return memory_ ? (*memory_)(r, tokens) : tokens;
  }

  const size_t pixels_ = declare_pixels();
  size_t ids_ = 0, logits_ = no_output, encoder_state_ = no_output;
  VitShape shape_;
  VitTrunk trunk_;
  layers::LayerNorm norm_;
  bool has_memory_;
  layers::TextStack text_;
  layers::VocabularyHead head_;
  std::optional<layers::Linear> memory_;  // from the encoder's width to the decoder's
  Ids written_;
  TextTask task_ = TextTask::read;
};

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::transformers && config.model_type == model_type &&
         is_one_of(part_type(config, "encoder"), {"vit", "deit"}) &&
         is_one_of(part_type(config, "decoder"), {"trocr", "gpt2"});
}

std::string difference(const io::ModelConfig& config) {
  if (config.naming != io::Naming::transformers || config.model_type != model_type || matches(config))
    return {};
  return fmt::format("its encoder is a '{}' and its decoder a '{}': there are vit and deit, trocr and gpt2",
                     part_type(config, "encoder"), part_type(config, "decoder"));
}

}  // namespace

Family vision_encoder_decoder_family() {
  Family out = family<VisionEncoderDecoder>(
      "vision encoder-decoder", "transformers vision-encoder-decoder with vit or deit and trocr or gpt2",
      &matches, &vision_encoder_decoder_names());
  out.difference = &difference;
  out.writes_text = true;
  return out;
}

}  // namespace fovea
