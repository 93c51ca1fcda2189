// Multi-head attention of sequences (Vaswani et al. 2017, 3.2): of tokens over one another, and over another
// sequence's.
#pragma once

#include <string>

#include "models/nn/attention_tap.h"
#include "models/nn/heads.h"
#include "models/nn/linear.h"

namespace fovea::layers {

// How weights lie in a file: [columns, inputs], or the other way round (GPT-2's Conv1D).
enum class MatrixOrder { columns_first, inputs_first };
LinearNumbers linear_numbers(const io::Weights& w, uint32_t columns, uint32_t inputs, MatrixOrder order);

struct TokenAttentionShape {
  uint32_t width = 0, heads = 0;  // of the tokens that ask
  uint32_t memory_width = 0;      // of the tokens that are asked, where they are others
  float scale = 0;                // of the logits; 0: 1 / √(channels of a head)
  MatrixOrder order = MatrixOrder::columns_first;
};

// Which keys are seen: as ops::AttentionInput has them.
struct SeenKeys {
  bool causal = false;
  Tensor mask{}, lengths{};
};

// What the tap is told of a layer: what its tokens are, and its name in run(), "decoder_attn".
struct TokenAttentionName {
  AttentionKind kind = AttentionKind::sequence_attention;
  const char* tensor = "";
};

// What a pass did for a number, from the number's gradient, f32.
struct TokenAttentionGradient {
  Tensor x;         // by the tokens that asked, [images, queries, width]
  Tensor memory{};  // by those that were asked, where they are others, [images, keys, memory_width]
  // Mean over heads of ReLU(gradient ⊙ attention), [images, queries, keys]; what causal rows do not see holds
  // anything.
  Tensor relevance;
};

// w holds `qkv`, or in_proj_weight and in_proj_bias, and `proj`.
class SelfAttention {
 public:
  SelfAttention(WeightStore& store, const io::Weights& w, const TokenAttentionShape& shape);

  // residual + proj(attention(x)), x [images, tokens, width]. cache, where there is one, [images, capacity,
  // cache_width()]: gets the keys and values of the tokens, from its row 0 on.
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual, const SeenKeys& seen,
                    const Tensor& cache, AttentionTap* tap, const TokenAttentionName& name) const;
  // The same of one token an image behind the past u32 [images] that the cache holds; seen.lengths counts it.
  Tensor step(Recorder& r, const Tensor& x, const Tensor& residual, const SeenKeys& seen, const Tensor& past,
              const Tensor& cache, AttentionTap* tap, const TokenAttentionName& name) const;
  uint32_t cache_width() const { return 2 * heads_.padded_channels(); }

  // Of a pass over whole texts, whose record the tap has. causal: as AttentionInput::mask has what causal
  // attention does not see, for a record of such. dy: by proj(attention(x)).
  // o: the heads' outputs, made again.
  Tensor project(Recorder& r, const Tensor& o, const Tensor& residual) const;
  TokenAttentionGradient backward(Recorder& r, const AttentionRecord& record, const Tensor& o,
                                  const Tensor& causal, const Tensor& dy) const;

 private:
  Tensor attend(Recorder& r, const ops::AttentionInput& in, const Tensor& residual, AttentionTap* tap,
                const TokenAttentionName& name) const;

  std::string name_;
  Heads heads_;
  float scale_;
  Linear qkv_, proj_;
};

// w holds `q`, `kv` and `proj`, or what SelfAttention does where both sequences have one width.
class CrossAttention {
 public:
  CrossAttention(WeightStore& store, const io::Weights& w, const TokenAttentionShape& shape);

  // Keys and values of what is asked, memory [images, keys, memory_width] → [images, keys, 2 * padded
  // channels].
  Tensor keys_and_values(Recorder& r, const Tensor& memory) const;
  // residual + proj(attention(x over kv)).
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& kv, const Tensor& residual,
                    const SeenKeys& seen, AttentionTap* tap, const TokenAttentionName& name) const;

  // As SelfAttention has them.
  Tensor project(Recorder& r, const Tensor& o, const Tensor& residual) const;
  TokenAttentionGradient backward(Recorder& r, const AttentionRecord& record, const Tensor& o,
                                  const Tensor& dy) const;
  // base + what each key gave to a number of gradient dy by proj(attention(x)), f32 [images, keys].
  Tensor evidence(Recorder& r, const AttentionRecord& record, const Tensor& dy, const Tensor& base) const;

 private:
  struct Asked {
    LinearNumbers q, kv;
  };
  static Asked asked(const io::Weights& w, const TokenAttentionShape& shape);
  CrossAttention(WeightStore& store, const io::Weights& w, const TokenAttentionShape& shape,
                 const Asked& asked);

  std::string name_;
  Heads heads_;
  float scale_;
  Linear q_, kv_, proj_;
};

}  // namespace fovea::layers
