// Layers over the tokens of a text: embedding, layers, the last norm; and the scores of a vocabulary.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/nn/transformer_layer.h"
#include "runtime/ops/nn/embed_text.h"

namespace fovea::layers {

struct TextStackShape {
  TransformerLayerShape layer;
  uint32_t depth = 0;
  uint32_t vocabulary = 0;
  std::vector<float> positions;       // [rows, width]
  uint32_t first_position = 0;        // the row of position 0; counted: that of pads
  std::optional<uint32_t> uncounted;  // the id of pads, where they have no position
  float embedding_scale = 1;          // of the vocabulary's rows
  std::vector<float> logit_scales;    // one a layer; empty for the usual
};

// What a pass over a text is given.
struct TextPass {
  Tensor ids;  // u32 [images, tokens]
  SeenKeys self{}, cross{};
  std::span<const Tensor> kv{};      // a layer: keys and values of what is looked at
  std::span<const Tensor> caches{};  // a layer: its own; empty where nothing is remembered
  Tensor past{};  // u32 [images]: tokens that the caches hold; ids are one token an image then
  AttentionTap* tap = nullptr;
};

// What a pass over a text did for a number, from the number's gradient; f32.
struct TextGradient {
  std::vector<LayerGradient> layers;  // the first one first
  Tensor memory{};                    // by what is looked at, [images, keys, any]; empty where nothing is
};

// w holds `tokens`, `layers`, and `norm_embed` and `norm` where there are such norms.
class TextStack {
 public:
  TextStack(WeightStore& store, const io::Weights& w, const TextStackShape& shape);

  Tensor operator()(Recorder& r, const TextPass& pass) const;  // [images, tokens, width]
  // Of the pass whose runs are the tap's last ones. causal: as SelfAttention::backward has it. dy: by its
  // result.
  TextGradient backward(Recorder& r, const AttentionTap& tap, const Tensor& causal, const Tensor& dy) const;
  // Where every layer only adds to the stream and one norm ends it, a number by its result is a sum but for
  // that norm's deviation.
  bool one_norm() const;
  // What each key that is looked at gave to such a number, the deviation held, f32 [images, keys]: sums over
  // layers, heads and tokens. Of the pass whose runs are the tap's last ones; dy as backward() has it.
  Tensor evidence(Recorder& r, const AttentionTap& tap, const Tensor& dy) const;
  // Of what is looked at, memory [images, keys, any]: one a layer.
  std::vector<Tensor> keys_and_values(Recorder& r, const Tensor& memory) const;

  uint32_t depth() const { return static_cast<uint32_t>(layers_.size()); }
  uint32_t cache_width() const { return layers_.front().self().cache_width(); }
  uint32_t longest() const;  // tokens that there are positions for
  uint32_t vocabulary() const { return vocabulary_; }
  uint32_t width() const { return width_; }
  const std::vector<float>& table() const { return table_; }  // until drop_table()
  void drop_table() { table_ = {}; }

 private:
  std::string name_;
  std::vector<float> table_;
  std::vector<Tensor> tokens_;  // the vocabulary's rows, in as many parts as the device's buffers ask for
  Tensor positions_;
  uint32_t vocabulary_, width_;
  uint32_t first_;
  std::optional<uint32_t> uncounted_;
  float scale_;
  std::optional<LayerNorm> norm_embed_, norm_;
  std::vector<TransformerLayer> layers_;
};

}  // namespace fovea::layers
