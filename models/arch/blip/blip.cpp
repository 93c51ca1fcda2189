// BLIP (Li et al. 2022): pictures described, with a prompt or without, and questions about them answered.
#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "fovea/error.h"
#include "models/arch/blip/names.h"
#include "models/arch/vit/vit_trunk.h"
#include "models/model/family.h"
#include "models/model/writer.h"
#include "models/nn/activation.h"
#include "runtime/ops/attention/key_mask.h"

namespace fovea {
namespace {

constexpr const char *captions = "BlipForConditionalGeneration", *answers = "BlipForQuestionAnswering";
constexpr uint32_t most = 1U << 20;

VitShape vision_shape(const Loading& from, const io::ModelConfig& config) {
  const io::Weights w = from.weights / "vision";
  VitShape s = vit_sizes({from.device, from.storage, config, w, from.options});
  s.heads = io::arg_uint(config.model_args, "num_attention_heads", 12, config.file, 1, 1024);
  s.epsilon =
      static_cast<float>(io::arg_double(config.model_args, "layer_norm_eps", 1e-5, config.file, 0, 1));
  s.activation = layers::activation_of(config, "hidden_act", "gelu");
  const auto size = io::arg_size(config.model_args, "image_size", {384, 384}, config.file);
  s.positions.grid = std::array{size[0] / s.patch.rows, size[1] / s.patch.cols};
  return s;
}

// BERT's layers (Devlin et al. 2019) that look at something besides; w: theirs. `looked_at`: its channels.
layers::TextStackShape text_shape(const io::ModelConfig& config, const io::Weights& w, uint32_t looked_at,
                                  const char* self, const char* cross) {
  const auto& args = config.model_args;
  const auto number = [&](const char* key, uint32_t fallback) {
    return io::arg_uint(args, key, fallback, config.file, 1, most);
  };
  if (const std::string type = io::arg_string(args, "position_embedding_type", "absolute", config.file);
      type != "absolute")
    throw Error(ErrorKind::model, fmt::format("[load] {}: position_embedding_type is '{}', there is absolute",
                                              config.file.string(), type));
  layers::TextStackShape s;
  const uint32_t width = number("hidden_size", 768), asked = number("encoder_hidden_size", 768);
  if (asked != looked_at)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] {}: encoder_hidden_size of text_config is {}, and it looks at {} channels",
                    config.file.string(), asked, looked_at));
  s.layer.attention.width = width;
  s.layer.attention.memory_width = asked;
  s.layer.attention.heads = number("num_attention_heads", 8);
  s.layer.hidden = number("intermediate_size", 3072);
  s.layer.epsilon = static_cast<float>(io::arg_double(args, "layer_norm_eps", 1e-12, config.file, 0, 1));
  s.layer.activation = layers::activation_of(config, "hidden_act", "gelu");
  s.layer.self = {AttentionKind::sequence_attention, self};
  s.layer.cross = {AttentionKind::cross_attention, cross};
  s.depth = number("num_hidden_layers", 12);
  s.vocabulary = number("vocab_size", 30524);
  s.positions = w.take("positions.weight", {number("max_position_embeddings", 512), width});
  return s;
}

class Blip : public LoadedModel, public Writer {
 public:
  explicit Blip(const Loading& from)
      : Blip(from, io::part_of(from.config, "vision_config"), io::part_of(from.config, "text_config")) {}

  void forward(Pass& pass) const override {
    Recorder& r = pass.recorder();
    AttentionTap* tap = pass.tap();
    const Tensor picture = look(r, pass.input(pixels_), tap);  // [images, keys, vision's width]
    if (pass.wants(encoder_state_)) pass.give(encoder_state_, picture);
    if (pass.wants(question_state_))
      pass.give(question_state_, asked(r, picture, pass.input(ids_), pass.input(mask_), tap));
    if (!pass.wants(logits_)) return;
    const std::vector<Tensor> kv = text_.keys_and_values(r, picture);
    const Tensor x = text_(r, {.ids = pass.input(ids_),
                               .self = {.causal = true, .mask = seen(r, pass.input(mask_))},
                               .kv = kv,
                               .tap = tap});
    pass.give(logits_, head_(r, x));  // [images, tokens, vocabulary]
  }

  const Writer* writer() const override { return this; }
  const layers::TextStack& text() const override { return text_; }
  const layers::VocabularyHead& head() const override { return head_; }
  Reads reads(size_t input) const override {
    if (input == pixels_) return Reads::always;
    if (!question_) return Reads::never;
    return input == ids_ ? Reads::always : Reads::if_given;
  }
  std::optional<size_t> prompt() const override { return prompt_; }
  // An answer looks at the question, and all of it, pads too.
  Tensor memory(Recorder& r, std::span<const Tensor> inputs, AttentionTap* tap) const override {
    const Tensor picture = look(r, inputs[pixels_], tap);
    return question_ ? asked(r, picture, inputs[ids_], inputs[mask_], tap) : picture;
  }
  MemoryGradient memory_gradient(Recorder& r, const AttentionTap& tap, const Tensor& dy) const override {
    MemoryGradient out;
    if (question_) out.text = question_->backward(r, tap, {}, dy);
    out.stream = norm_.backward(r, tap.steps.back().y, out.text ? out.text->memory : dy);
    return out;
  }
  Ids ids() const override { return written_; }
  TextTask task() const override { return answers_ ? TextTask::answer : TextTask::describe; }

 private:
  Blip(const Loading& from, const io::ModelConfig& vision, const io::ModelConfig& text)
      : LoadedModel(from),
        shape_(vision_shape(from, vision)),
        trunk_(store_, vision, from.weights / "vision", info_, shape_),
        norm_(store_, from.weights / "vision" / "norm", shape_.width, shape_.epsilon),
        answers_(from.config.architecture == answers),
        text_(store_, from.weights / "text",
              text_shape(text, from.weights / "text", answers_ ? text_width(text) : shape_.width,
                         "decoder_attn", "cross_attn")),
        head_(bert_head(from.weights / "head", text)) {
    text_.drop_table();
    if (answers_) {
      const io::Weights w = from.weights / "question";
      question_.emplace(store_, w, text_shape(text, w, shape_.width, "question_attn", "question_cross_attn"));
      question_->drop_table();
    }
    for (const char* name :
         {"text_decoder.bert.embeddings.position_ids", "text_encoder.embeddings.position_ids",
          "vision_model.embeddings.position_ids", "text_decoder.cls.predictions.decoder.bias"})
      from.weights.ignore(name);
    const auto id = [&](const char* key, uint32_t fallback) {
      return io::arg_uint(text.model_args, key, fallback, text.file, 0, text_.vocabulary() - 1);
    };
    written_ = {id("bos_token_id", 30522), id("sep_token_id", 102), id("pad_token_id", 0)};
    declare();
  }

  static uint32_t text_width(const io::ModelConfig& text) {
    return io::arg_uint(text.model_args, "hidden_size", 768, text.file, 1, most);
  }

  layers::VocabularyHead bert_head(const io::Weights& w, const io::ModelConfig& text) {
    const uint32_t width = text_.width();
    const float epsilon =
        static_cast<float>(io::arg_double(text.model_args, "layer_norm_eps", 1e-12, text.file, 0, 1));
    return {
        layers::Linear(store_, w / "dense", width, width), layers::activation_of(text, "hidden_act", "gelu"),
        layers::LayerNorm(store_, w / "norm", width, epsilon),
        layers::VocabularyScores(store_, layers::linear_numbers(w / "scores", text_.vocabulary(), width))};
  }

  void declare() {
    encoder_state_ = declare_output("encoder_last_hidden_state");
    ids_ = declare_words("input_ids", "tokens", text_.vocabulary());
    mask_ = declare_words("attention_mask", "tokens", 2);
    if (question_) {
      question_state_ = declare_output_from("question_hidden_state", ids_);
    } else {
      prompt_ = declare_words("prompt_ids", "prompt", text_.vocabulary());
      logits_ = declare_output_from("logits", ids_);
    }
  }

  Tensor look(Recorder& r, const Tensor& pixels, AttentionTap* tap) const {
    const Tensor tokens = norm_(r, trunk_(r, pixels, tap));
    if (tap != nullptr)
      for (AttentionRecord& record : tap->layers) record.layer.tensor = "vision_attn";
    return tokens;
  }
  // Attention masks of transformers are 0 where a key is hidden.
  static Tensor seen(Recorder& r, const Tensor& words) {
    return words ? ops::key_mask(r, words, ops::NotZero::seen) : Tensor{};
  }
  Tensor asked(Recorder& r, const Tensor& picture, const Tensor& ids, const Tensor& mask,
               AttentionTap* tap) const {
    const std::vector<Tensor> kv = question_->keys_and_values(r, picture);
    return (*question_)(r, {.ids = ids, .self = {.mask = seen(r, mask)}, .kv = kv, .tap = tap});
  }

  const size_t pixels_ = declare_pixels();
  size_t ids_ = 0, mask_ = 0;
  std::optional<size_t> prompt_;
  size_t logits_ = no_output, encoder_state_ = no_output, question_state_ = no_output;
  VitShape shape_;
  VitTrunk trunk_;
  layers::LayerNorm norm_;
  bool answers_;
  layers::TextStack text_;
  std::optional<layers::TextStack> question_;
  layers::VocabularyHead head_;
  Ids written_;
};

bool is_blip(const io::ModelConfig& config) {
  return config.naming == io::Naming::transformers && config.model_type == "blip";
}

bool matches(const io::ModelConfig& config) {
  return is_blip(config) && (config.architecture == captions || config.architecture == answers);
}

std::string difference(const io::ModelConfig& config) {
  if (!is_blip(config) || matches(config)) return {};
  return fmt::format("it neither describes pictures ({}) nor answers questions ({})", captions, answers);
}

}  // namespace

Family blip_family() {
  Family out = family<Blip>("BLIP", "transformers blip: captions with a prompt, answers to questions",
                            &matches, &blip_names);
  out.difference = &difference;
  out.writes_text = true;
  return out;
}

}  // namespace fovea
