// What a forward pass offers of its attention, to whoever asks.
#pragma once

#include <span>
#include <vector>

#include "fovea/model.h"
#include "runtime/ops/attention/attention.h"

namespace fovea {

// Where each cell of a layer's grid is found among its groups of tokens (windows, pixel offsets): group *
// tokens of a group + token, row by row. Belongs to the model.
struct StitchTable {
  Tensor table;  // u32 [cells]
  std::span<const uint32_t> cells;
  explicit operator bool() const { return !cells.empty(); }
};

// One layer's attention as it can be drawn afterwards; never probabilities. `kind` says what is filled.
struct AttentionRecord {
  AttentionLayer layer;
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

// Handed through a forward pass by whoever wants attention; no tap, no cost.
struct AttentionTap {
  std::vector<AttentionRecord> layers;
};

// Every tensor a record refers to.
template <class F>
void for_each_tensor(AttentionRecord& a, F&& f) {
  for (Tensor* t : {&a.input.q, &a.input.k, &a.input.bias, &a.input.mask, &a.lse, &a.values, &a.features})
    if (*t) f(*t);
}

}  // namespace fovea
