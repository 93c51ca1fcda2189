// A layer of a transformer's encoder or decoder (Vaswani et al. 2017, 3.1): attention of a sequence over
// itself, over another one where it has that, and an MLP, each with its norm.
#pragma once

#include <optional>
#include <string>

#include "models/nn/layer_norm.h"
#include "models/nn/token_attention.h"

namespace fovea::layers {

// Of what a part reads, x + f(LN(x)), or of the sum, LN(x + f(x)).
enum class NormOrder { before, after_sum };

struct TransformerLayerShape {
  TokenAttentionShape attention;  // memory_width 0: over itself alone
  uint32_t hidden = 0;            // channels between the MLP's two layers
  float epsilon = 1e-5F;
  ops::Activation activation = ops::Activation::relu;
  NormOrder norms = NormOrder::after_sum;
  TokenAttentionName self{}, cross{AttentionKind::cross_attention, "cross_attn"};
};

// Where a pass stands.
struct LayerContext {
  SeenKeys self{}, cross{};
  Tensor cache{};  // of the layer's own keys and values, [images, capacity, cache_width()], or empty
  Tensor past{};   // u32 [images]: tokens that the cache holds; where it is given, x is one token an image
  Tensor kv{};     // of the other sequence: CrossAttention::keys_and_values; of fewer images, each of which
                   // as many of x in turn look at
  AttentionTap* tap = nullptr;
};

// What a pass of a layer did for a number, from the number's gradient by its output; f32.
struct LayerGradient {
  Tensor x;                                  // by its input
  Tensor memory{};                           // by the other sequence, where there is one
  Tensor self_relevance, cross_relevance{};  // TokenAttentionGradient::relevance of both attentions
};

// w holds `self_attn`, `norm1`, `fc1`, `fc2` and `norm2`, and `cross_attn` and `norm_cross`.
class TransformerLayer {
 public:
  TransformerLayer(WeightStore& store, const io::Weights& w, const TransformerLayerShape& shape);

  // x [images, tokens, width] → the same.
  Tensor operator()(Recorder& r, const Tensor& x, const LayerContext& context) const;

  // Of a run over whole texts. causal: as SelfAttention::backward has it.
  LayerGradient backward(Recorder& r, const AttentionTap& tap, const TextRun& run, const Tensor& causal,
                         const Tensor& dy) const;

  NormOrder norms() const { return s_.norms; }
  const SelfAttention& self() const { return self_; }
  const CrossAttention& cross() const { return *cross_; }
  bool has_cross() const { return cross_.has_value(); }

 private:
  template <class Part>
  Tensor with_norm(Recorder& r, const LayerNorm& norm, const Tensor& x, const Part& part) const;
  Tensor mlp(Recorder& r, const Tensor& in, const Tensor& residual) const;
  template <class Again, class Back>
  Tensor norm_backward(Recorder& r, const LayerNorm& norm, const Tensor& x, const Tensor& dy,
                       const Again& again, const Back& back) const;

  std::string name_;
  TransformerLayerShape s_;
  SelfAttention self_;
  LayerNorm norm1_, norm2_;
  std::optional<CrossAttention> cross_;
  std::optional<LayerNorm> norm_cross_;
  Linear fc1_, fc2_;
};

}  // namespace fovea::layers
