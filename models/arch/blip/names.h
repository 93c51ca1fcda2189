// transformers' names of BLIP's weights.
#pragma once

#include "models/weights/naming.h"

namespace fovea {

inline constexpr io::Renaming blip_rows[] = {
    {"vision.cls_token", "vision_model.embeddings.class_embedding"},
    {"vision.pos_embed", "vision_model.embeddings.position_embedding"},
    {"vision.patch_embed.proj", "vision_model.embeddings.patch_embedding"},
    {"vision.blocks.*.norm1", "vision_model.encoder.layers.*.layer_norm1"},
    {"vision.blocks.*.attn.qkv", "vision_model.encoder.layers.*.self_attn.qkv"},
    {"vision.blocks.*.attn.proj", "vision_model.encoder.layers.*.self_attn.projection"},
    {"vision.blocks.*.norm2", "vision_model.encoder.layers.*.layer_norm2"},
    {"vision.blocks.*.mlp.fc1", "vision_model.encoder.layers.*.mlp.fc1"},
    {"vision.blocks.*.mlp.fc2", "vision_model.encoder.layers.*.mlp.fc2"},
    {"vision.norm", "vision_model.post_layernorm"},

    {"text.tokens", "text_decoder.bert.embeddings.word_embeddings"},
    {"text.positions", "text_decoder.bert.embeddings.position_embeddings"},
    {"text.norm_embed", "text_decoder.bert.embeddings.LayerNorm"},
    {"text.layers.*.self_attn.qkv", "text_decoder.bert.encoder.layer.*.attention.self.{query,key,value}"},
    {"text.layers.*.self_attn.proj", "text_decoder.bert.encoder.layer.*.attention.output.dense"},
    {"text.layers.*.norm1", "text_decoder.bert.encoder.layer.*.attention.output.LayerNorm"},
    {"text.layers.*.cross_attn.q", "text_decoder.bert.encoder.layer.*.crossattention.self.query"},
    {"text.layers.*.cross_attn.kv", "text_decoder.bert.encoder.layer.*.crossattention.self.{key,value}"},
    {"text.layers.*.cross_attn.proj", "text_decoder.bert.encoder.layer.*.crossattention.output.dense"},
    {"text.layers.*.norm_cross", "text_decoder.bert.encoder.layer.*.crossattention.output.LayerNorm"},
    {"text.layers.*.fc1", "text_decoder.bert.encoder.layer.*.intermediate.dense"},
    {"text.layers.*.fc2", "text_decoder.bert.encoder.layer.*.output.dense"},
    {"text.layers.*.norm2", "text_decoder.bert.encoder.layer.*.output.LayerNorm"},
    {"head.dense", "text_decoder.cls.predictions.transform.dense"},
    {"head.norm", "text_decoder.cls.predictions.transform.LayerNorm"},
    {"head.scores", "text_decoder.cls.predictions"},          // its bias
    {"head.scores", "text_decoder.cls.predictions.decoder"},  // its weight

    {"question.tokens", "text_encoder.embeddings.word_embeddings"},
    {"question.positions", "text_encoder.embeddings.position_embeddings"},
    {"question.norm_embed", "text_encoder.embeddings.LayerNorm"},
    {"question.layers.*.self_attn.qkv", "text_encoder.encoder.layer.*.attention.self.{query,key,value}"},
    {"question.layers.*.self_attn.proj", "text_encoder.encoder.layer.*.attention.output.dense"},
    {"question.layers.*.norm1", "text_encoder.encoder.layer.*.attention.output.LayerNorm"},
    {"question.layers.*.cross_attn.q", "text_encoder.encoder.layer.*.crossattention.self.query"},
    {"question.layers.*.cross_attn.kv", "text_encoder.encoder.layer.*.crossattention.self.{key,value}"},
    {"question.layers.*.cross_attn.proj", "text_encoder.encoder.layer.*.crossattention.output.dense"},
    {"question.layers.*.norm_cross", "text_encoder.encoder.layer.*.crossattention.output.LayerNorm"},
    {"question.layers.*.fc1", "text_encoder.encoder.layer.*.intermediate.dense"},
    {"question.layers.*.fc2", "text_encoder.encoder.layer.*.output.dense"},
    {"question.layers.*.norm2", "text_encoder.encoder.layer.*.output.LayerNorm"},
};
inline constexpr io::NameTable blip_names = {{}, blip_rows};

}  // namespace fovea
