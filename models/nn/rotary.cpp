#include "models/nn/rotary.h"

#include <fmt/format.h>

#include <cmath>

#include "fovea/error.h"

namespace fovea::layers {

Rotary::Rotary(WeightStore& store, const Grid& grid)
    : prefix_tokens_(grid.prefix_tokens), pairs_(grid.pairs) {
  const size_t pairs = grid.frequencies.size() / 2 / grid.heads, tokens = grid.ys.size() * grid.xs.size();
  std::vector<float> table;
  table.reserve(grid.heads * tokens * 2 * pairs);
  for (size_t head = 0; head < grid.heads; ++head) {
    const double* frequencies = &grid.frequencies[head * pairs * 2];
    for (const double y : grid.ys)
      for (const double x : grid.xs)
        for (const bool sine : {false, true})
          for (size_t i = 0; i < pairs; ++i) {
            const double angle = y * frequencies[2 * i] + x * frequencies[2 * i + 1];
            table.push_back(static_cast<float>(sine ? std::sin(angle) : std::cos(angle)));
          }
  }
  table_ = store.vector(table, {grid.heads, static_cast<uint32_t>(tokens), 2, static_cast<uint32_t>(pairs)});
}

void Rotary::operator()(Recorder& r, const Tensor& qkv, const Heads& heads, bool back) const {
  const uint32_t tokens = qkv.shape[1], row = qkv.shape[2];
  if (tokens != prefix_tokens_ + table_.shape[1] || 2 * table_.shape[3] > heads.width)
    throw Error(
        ErrorKind::usage,
        fmt::format("[rotary] {} tokens of heads of {} channels, the table turns {} tokens behind {} by {} "
                    "pairs",
                    tokens, heads.width, table_.shape[1], prefix_tokens_, table_.shape[3]));
  ops::rope(r, qkv, {2 * heads.count, prefix_tokens_ * row, tokens * row, row, heads.padded()}, table_,
            pairs_, back);
}

}  // namespace fovea::layers
