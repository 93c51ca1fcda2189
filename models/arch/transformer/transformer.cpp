// The transformer (Vaswani et al. 2017) over vectors: an encoder, and a decoder that looks at what it gives.
// No embedding and no positions: whoever has tokens brings them as vectors.
#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "fovea/error.h"
#include "models/model/family.h"
#include "models/nn/activation.h"
#include "models/nn/transformer_layer.h"
#include "runtime/ops/attention/key_mask.h"

namespace fovea {
namespace {

constexpr const char* system_name = "transformer_encoder_decoder";

// torch's names, nn.TransformerEncoderLayer's and nn.TransformerDecoderLayer's.
constexpr io::Renaming rows[] = {
    {"encoder.layers.*.self_attn.in_proj_weight", "encoder.layers.*.self_attn.in_proj_weight"},
    {"encoder.layers.*.self_attn.in_proj_bias", "encoder.layers.*.self_attn.in_proj_bias"},
    {"encoder.layers.*.self_attn.proj", "encoder.layers.*.self_attn.out_proj"},
    {"encoder.layers.*.norm1", "encoder.layers.*.norm1"},
    {"encoder.layers.*.fc1", "encoder.layers.*.linear1"},
    {"encoder.layers.*.fc2", "encoder.layers.*.linear2"},
    {"encoder.layers.*.norm2", "encoder.layers.*.norm2"},
    {"encoder.norm", "encoder.norm"},
    {"decoder.layers.*.self_attn.in_proj_weight", "decoder.layers.*.self_attn.in_proj_weight"},
    {"decoder.layers.*.self_attn.in_proj_bias", "decoder.layers.*.self_attn.in_proj_bias"},
    {"decoder.layers.*.self_attn.proj", "decoder.layers.*.self_attn.out_proj"},
    {"decoder.layers.*.norm1", "decoder.layers.*.norm1"},
    {"decoder.layers.*.cross_attn.in_proj_weight", "decoder.layers.*.multihead_attn.in_proj_weight"},
    {"decoder.layers.*.cross_attn.in_proj_bias", "decoder.layers.*.multihead_attn.in_proj_bias"},
    {"decoder.layers.*.cross_attn.proj", "decoder.layers.*.multihead_attn.out_proj"},
    {"decoder.layers.*.norm_cross", "decoder.layers.*.norm2"},
    {"decoder.layers.*.fc1", "decoder.layers.*.linear1"},
    {"decoder.layers.*.fc2", "decoder.layers.*.linear2"},
    {"decoder.layers.*.norm2", "decoder.layers.*.norm3"},
    {"decoder.norm", "decoder.norm"},
};
constexpr io::NameTable names = {{}, rows};

class Transformer : public LoadedModel {
 public:
  explicit Transformer(const Loading& from) : LoadedModel(from) {
    const io::ModelConfig& config = from.config;
    const auto& args = config.model_args;
    const auto number = [&](const char* key) { return io::arg_uint(args, key, 0, config.file, 1, 1U << 16); };
    if (!io::arg_bool(args, "batch_first", false, config.file))
      throw Error(ErrorKind::model, fmt::format("[load] {}: batch_first is not true: there is no transformer "
                                                "here whose inputs begin with tokens",
                                                config.file.string()));
    layers::TransformerLayerShape shape;
    shape.attention.width = number("d_model");
    shape.attention.heads = number("nhead");
    shape.hidden = number("dim_feedforward");
    shape.epsilon = static_cast<float>(io::arg_double(args, "layer_norm_eps", 1e-5, config.file, 0, 1));
    shape.activation = layers::activation_of(config, "activation", "relu");
    const bool before = io::arg_bool(args, "norm_first", false, config.file);
    shape.norms = before ? layers::NormOrder::before : layers::NormOrder::after_sum;
    shape.self = {AttentionKind::sequence_attention, "encoder_attn"};
    encoder_ = stack(from.weights / "encoder", shape, number("num_layers"));
    shape.attention.memory_width = shape.attention.width;
    shape.self.tensor = "decoder_attn";
    decoder_ = stack(from.weights / "decoder", shape, number("num_layers"));
    if (const bool closed = io::arg_bool(args, "final_norms", false, config.file);
        closed != encoder_.norm.has_value() || closed != decoder_.norm.has_value())
      throw Error(
          ErrorKind::model,
          fmt::format("[load] {}: final_norms is {}, and the weights of encoder.norm and decoder.norm "
                      "say otherwise",
                      config.file.string(), closed));
    declare(shape.attention.width);
  }

  void forward(Pass& pass) const override {
    Recorder& r = pass.recorder();
    const Tensor hidden = mask_of(r, pass.input(source_mask_));
    layers::LayerContext source{{.mask = hidden}};
    source.tap = pass.tap();
    const Tensor memory = encoder_(r, pass.input(source_), source, {});  // [images, source, width]
    if (pass.wants(memory_)) pass.give(memory_, memory);
    if (!pass.wants(output_)) return;
    layers::LayerContext target{
        {.causal = static_cast<bool>(pass.input(causal_)), .mask = mask_of(r, pass.input(target_mask_))},
        {.mask = hidden}};
    target.tap = pass.tap();
    pass.give(output_, decoder_(r, pass.input(target_), target, memory));  // [images, target, width]
  }

 private:
  struct Stack {
    std::vector<layers::TransformerLayer> layers{};
    std::optional<layers::LayerNorm> norm{};

    Tensor operator()(Recorder& r, Tensor x, layers::LayerContext context, const Tensor& memory) const {
      for (const layers::TransformerLayer& layer : layers) {
        if (memory) context.kv = layer.cross().keys_and_values(r, memory);
        x = layer(r, x, context);
      }
      return norm ? (*norm)(r, x) : x;
    }
  };

  Stack stack(const io::Weights& w, const layers::TransformerLayerShape& shape, uint32_t depth) {
    Stack out;
    for (uint32_t i = 0; i < depth; ++i) out.layers.emplace_back(store_, w / "layers" / i, shape);
    out.norm = layers::LayerNorm::if_there(store_, w / "norm", shape.attention.width, shape.epsilon);
    return out;
  }

  void declare(uint32_t width) {
    const auto vectors = [&](const char* name, const char* axis) {
      return declare_input(
          {.name = name, .alias = "", .type = DType::f32, .shape = {0, width}, .axes = {axis, ""}});
    };
    source_ = vectors("src", "source");
    target_ = vectors("tgt", "target");
    source_mask_ = declare_words("src_key_padding_mask", "source", 2);
    target_mask_ = declare_words("tgt_key_padding_mask", "target", 2);
    causal_ = declare_input({.name = "causal_mask",
                             .alias = "",
                             .type = DType::u32,
                             .shape = {1},
                             .optional = true,
                             .causal_over = "target"});
    memory_ = declare_output("memory");
    output_ = declare_output("output");
  }

  // torch's padding masks are 1 where a key is hidden.
  static Tensor mask_of(Recorder& r, const Tensor& words) {
    return words ? ops::key_mask(r, words, ops::NotZero::hidden) : Tensor{};
  }

  Stack encoder_, decoder_;
  size_t source_ = 0, target_ = 0, source_mask_ = 0, target_mask_ = 0, causal_ = 0, memory_ = 0, output_ = 0;
};

bool matches(const io::ModelConfig& config) {
  return config.naming == io::Naming::system && config.architecture == system_name;
}

}  // namespace

Family transformer_family() {
  return family<Transformer>("transformer", "system transformer_encoder_decoder", &matches, &names);
}

}  // namespace fovea
