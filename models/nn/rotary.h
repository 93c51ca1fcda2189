// Rotary position embedding (Su et al. 2021) of tokens on a grid.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/nn/heads.h"
#include "models/weights/weight_store.h"
#include "runtime/ops/attention/rope.h"

namespace fovea::layers {

// Turns queries and keys. A handle on a table in the store, cheap to copy: layers may share one.
class Rotary {
 public:
  // The token at (row, col) turns pair p of a head by ys[row] * frequencies[p][0] + xs[col] *
  // frequencies[p][1] radians. Axial embeddings have a zero in each pair; frequencies are [pairs, 2], or
  // [heads, pairs, 2] where heads have their own (Heo et al. 2024, "mixed"). The first prefix_tokens tokens
  // are not turned.
  struct Grid {
    std::vector<double> ys, xs;
    std::vector<double> frequencies;
    uint32_t heads = 1;  // of `frequencies`
    uint32_t prefix_tokens = 0;
    ops::RopePairs pairs = ops::RopePairs::neighbours;
  };
  Rotary(WeightStore& store, const Grid& grid);

  // Queries and keys of packed qkv [images, tokens, 3 * padded channels], in place; back: by the negative
  // angles, for gradients.
  void operator()(Recorder& r, const Tensor& qkv, const Heads& heads, bool back = false) const;

 private:
  Tensor table_;  // f32 [heads or 1, tokens behind the prefix, 2, pairs]
  uint32_t prefix_tokens_;
  ops::RopePairs pairs_;
};

}  // namespace fovea::layers
