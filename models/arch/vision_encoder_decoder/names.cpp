#include "models/arch/vision_encoder_decoder/names.h"

#include <deque>
#include <string>
#include <vector>

#include "models/arch/vit/vit_names.h"

namespace fovea {
namespace {

constexpr io::Renaming decoder_rows[] = {
    // TrOCR
    {"text.tokens", "decoder.model.decoder.embed_tokens"},
    {"text.positions", "decoder.model.decoder.embed_positions"},
    {"text.norm_embed", "decoder.model.decoder.layernorm_embedding"},
    {"text.layers.*.self_attn.qkv", "decoder.model.decoder.layers.*.self_attn.{q_proj,k_proj,v_proj}"},
    {"text.layers.*.self_attn.proj", "decoder.model.decoder.layers.*.self_attn.out_proj"},
    {"text.layers.*.norm1", "decoder.model.decoder.layers.*.self_attn_layer_norm"},
    {"text.layers.*.cross_attn.q", "decoder.model.decoder.layers.*.encoder_attn.q_proj"},
    {"text.layers.*.cross_attn.kv", "decoder.model.decoder.layers.*.encoder_attn.{k_proj,v_proj}"},
    {"text.layers.*.cross_attn.proj", "decoder.model.decoder.layers.*.encoder_attn.out_proj"},
    {"text.layers.*.norm_cross", "decoder.model.decoder.layers.*.encoder_attn_layer_norm"},
    {"text.layers.*.fc1", "decoder.model.decoder.layers.*.fc1"},
    {"text.layers.*.fc2", "decoder.model.decoder.layers.*.fc2"},
    {"text.layers.*.norm2", "decoder.model.decoder.layers.*.final_layer_norm"},
    {"head", "decoder.output_projection"},
    // GPT-2
    {"text.tokens", "decoder.transformer.wte"},
    {"text.positions", "decoder.transformer.wpe"},
    {"text.layers.*.norm1", "decoder.transformer.h.*.ln_1"},
    {"text.layers.*.self_attn.qkv", "decoder.transformer.h.*.attn.c_attn"},
    {"text.layers.*.self_attn.proj", "decoder.transformer.h.*.attn.c_proj"},
    {"text.layers.*.norm_cross", "decoder.transformer.h.*.ln_cross_attn"},
    {"text.layers.*.cross_attn.q", "decoder.transformer.h.*.crossattention.q_attn"},
    {"text.layers.*.cross_attn.kv", "decoder.transformer.h.*.crossattention.c_attn"},
    {"text.layers.*.cross_attn.proj", "decoder.transformer.h.*.crossattention.c_proj"},
    {"text.layers.*.norm2", "decoder.transformer.h.*.ln_2"},
    {"text.layers.*.fc1", "decoder.transformer.h.*.mlp.c_fc"},
    {"text.layers.*.fc2", "decoder.transformer.h.*.mlp.c_proj"},
    {"text.norm", "decoder.transformer.ln_f"},
    // What they carry along besides weights.
    {"text.positions._float_tensor", "decoder.model.decoder.embed_positions._float_tensor"},
    {"text.layers.*.attn", "decoder.transformer.h.*.attn"},
    {"text.layers.*.attn.masked_bias", "decoder.transformer.h.*.attn.masked_bias"},
    {"text.layers.*.crossattention", "decoder.transformer.h.*.crossattention"},
    {"text.layers.*.crossattention.masked_bias", "decoder.transformer.h.*.crossattention.masked_bias"},
    {"head", "decoder.lm_head"},
    // Between the two.
    {"memory", "enc_to_dec_proj"},
};

}  // namespace

const io::NameTable& vision_encoder_decoder_names() {
  static const auto rows = [] {
    static std::deque<std::string> texts;  // stay where they are
    std::vector<io::Renaming> out(std::begin(decoder_rows), std::end(decoder_rows));
    for (const io::Renaming& row : vit_rows) {
      const std::string& timm = texts.emplace_back("encoder." + std::string(row.timm));
      out.push_back({timm, texts.emplace_back("encoder." + std::string(row.file))});
    }
    return out;
  }();
  static const io::NameTable table{{}, rows};
  return table;
}

}  // namespace fovea
