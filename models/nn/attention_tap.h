// What a forward pass offers of its attention, to whoever asks.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fovea/model.h"
#include "runtime/ops/attention/attention.h"
#include "runtime/ops/nn/linear.h"

namespace fovea {

// Where each cell of a layer's grid is found among its groups of tokens (windows, pixel offsets): group *
// tokens of a group + token, row by row. Belongs to the model.
struct StitchTable {
  Tensor table;  // u32 [cells]
  std::span<const uint32_t> cells;
  explicit operator bool() const { return !cells.empty(); }
};

// What the tokens of a layer are.
struct TokenGrid {
  uint32_t rows = 0, cols = 0;
  uint32_t prefix_tokens = 0;  // class, distillation and register tokens before the cells
  bool has_cls = false;        // token 0 is a class token
  uint32_t groups = 1;         // of an image, that attend each among themselves
  StitchTable stitch{};        // empty where tokens are the grid's cells in order
};

// One layer's attention as it can be drawn afterwards; never probabilities. `kind` says what is filled.
struct AttentionRecord {
  AttentionLayer layer;  // `tensor` as a family has it, "cross_attn", where that is not the usual one
  // Shape of attn.<i> or gate.<i> as the reference implementation has it, where it is not the usual one.
  Shape reference;

  // self_attention: images × groups problems, lse [images * groups, heads, queries].
  ops::AttentionInput input;
  Tensor lse;
  uint32_t key_rows = 0, key_cols = 0;  // grid of the keys where it is not that of the queries

  // token_scores [images * groups, tokens] f32; channel_gate [images, channels] and spatial_gate [images,
  // cells] at storage type.
  Tensor values;
  // What a gate's energy is summed from, [images, cells, channels]: a channel gate weighs it, a spatial gate
  // is in it.
  Tensor features;

  uint32_t groups = 1;  // of an image, that attend each among themselves
  StitchTable stitch;   // empty where tokens are the grid's cells in order
};

namespace layers {
class ClassHead;
class Step;
}  // namespace layers

// One run of a step of a residual stream: what class-specific maps take apart.
struct StepRun {
  const layers::Step* step = nullptr;  // belongs to the model
  size_t layer = 0;                    // its attention's, of AttentionTap::layers
  Tensor x, y;                         // [images, tokens, width], before and after it
};
// One run of a layer over the tokens of a text.
struct TextRun {
  size_t record = 0;  // of its own attention, of AttentionTap::layers; what it looks at else comes next
  Tensor x, self, cross, y;  // [images, tokens, width]: its input, and the stream behind each part
};
// One run of a head with classes.
struct HeadRun {
  const layers::ClassHead* head = nullptr;  // belongs to the model
  Tensor x;                                 // [images, tokens, width] that it read
};

// A head that reads the mean over cells, linear but for a norm: what class activation maps are exact for.
struct PooledHead {
  enum class Norm { none, before_pooling, after_pooling };
  Tensor features;              // [images, tokens, width], before the norm where that comes first
  uint32_t rows = 0, cols = 0;  // grid of the cells
  uint32_t prefix_tokens = 0;   // before them, not in the mean
  Norm norm = Norm::none;
  Tensor gamma;  // [width] f32, of that norm
  float epsilon = 0;
  ops::LinearWeights head;
  explicit operator bool() const { return static_cast<bool>(features); }
};

// The LayerNorm that tokens pass behind the last block.
struct FinalNorm {
  Tensor gamma, beta;  // [width] f32
  float epsilon = 0;
  explicit operator bool() const { return static_cast<bool>(gamma); }
};

// Handed through a forward pass by whoever wants maps; no tap, no cost.
struct AttentionTap {
  std::vector<AttentionRecord> layers;
  PooledHead head;       // empty where the answer does not come from a mean
  FinalNorm final_norm;  // empty where there is none, or none of all tokens
  std::vector<StepRun> steps;
  std::vector<TextRun> text;
  HeadRun answer;  // empty where no class's logit can be followed back from
};

// The record of a softmax over keys. `name` is the layer's, as the weights have it.
inline AttentionRecord softmax_record(const std::string& name, const TokenGrid& grid,
                                      const ops::AttentionInput& input, const Tensor& lse) {
  AttentionRecord out;
  out.layer.name = name;
  out.layer.heads = input.layout.heads;
  out.layer.rows = grid.rows;
  out.layer.cols = grid.cols;
  out.layer.prefix_tokens = grid.prefix_tokens;
  out.layer.has_cls = grid.has_cls;
  out.input = input;
  out.lse = lse;
  out.groups = grid.groups;
  out.stitch = grid.stitch;
  return out;
}

// Every tensor that maps read of a pass.
template <class F>
void for_each_tensor(AttentionTap& tap, F&& f) {
  const auto visit = [&](Tensor& t) {
    if (t) f(t);
  };
  for (AttentionRecord& a : tap.layers)
    for (Tensor* t : {&a.input.q, &a.input.k, &a.input.v, &a.input.bias, &a.input.mask, &a.input.lengths,
                      &a.lse, &a.values, &a.features})
      visit(*t);
  for (StepRun& run : tap.steps)
    for (Tensor* t : {&run.x, &run.y}) visit(*t);
  for (TextRun& run : tap.text)
    for (Tensor* t : {&run.x, &run.self, &run.cross, &run.y}) visit(*t);
  visit(tap.head.features);
  visit(tap.answer.x);
}

}  // namespace fovea
