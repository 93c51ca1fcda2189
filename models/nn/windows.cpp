#include "models/nn/windows.h"

#include <fmt/format.h>

#include <numeric>

#include "fovea/error.h"
#include "runtime/ops/common/gather_rows.h"

namespace fovea::layers {
namespace {

constexpr uint32_t no_cell = 0xffffffff;
constexpr float masked = -100.0F;
constexpr uint64_t largest_mask = 1U << 30;  // bytes

// Where token `t` of window `w` lies on one axis of the padded grid, before it rolls back.
uint32_t position(uint32_t w, uint32_t t, uint32_t window, uint32_t windows, bool strided) {
  return strided ? t * windows + w : w * window + t;
}

// A shift leaves three bands on each axis that were neighbours before it: whole windows, the last window's
// start, and what rolled over from the other end.
uint32_t band(uint32_t at, uint32_t padded, uint32_t window, uint32_t shift) {
  if (shift == 0) return 0;
  if (at + window < padded) return 0;
  return at + shift < padded ? 1 : 2;
}

template <class F>
void for_each_token(const WindowShape& s, F&& f) {
  for (uint32_t w = 0; w < s.windows(); ++w)
    for (uint32_t t = 0; t < s.tokens(); ++t)
      f(size_t{w} * s.tokens() + t,
        position(w / s.across(), t / s.window_cols, s.window_rows, s.down(), s.strided),
        position(w % s.across(), t % s.window_cols, s.window_cols, s.across(), s.strided));
}

}  // namespace

std::vector<uint32_t> cells_of_tokens(const WindowShape& s) {
  std::vector<uint32_t> out(size_t{s.windows()} * s.tokens(), no_cell);
  const uint32_t rows = s.pads_first ? s.down() * s.window_rows : s.rows,
                 cols = s.pads_first ? s.across() * s.window_cols : s.cols;
  for_each_token(s, [&](size_t i, uint32_t row, uint32_t col) {
    if (row >= rows || col >= cols) return;
    const uint32_t from_row = (row + s.shift_rows) % rows, from_col = (col + s.shift_cols) % cols;
    if (from_row < s.rows && from_col < s.cols) out[i] = from_row * s.cols + from_col;
  });
  return out;
}

std::vector<uint32_t> tokens_of_cells(const WindowShape& s) {
  std::vector<uint32_t> out(size_t{s.rows} * s.cols, no_cell);
  const auto cells = cells_of_tokens(s);
  for (size_t i = 0; i < cells.size(); ++i)
    if (cells[i] != no_cell) out[cells[i]] = static_cast<uint32_t>(i);
  return out;
}

std::vector<float> shift_mask(const WindowShape& s) {
  const uint32_t tokens = s.tokens(), stride = (tokens + 3) / 4 * 4;
  std::vector<uint32_t> bands(size_t{s.windows()} * tokens);
  for_each_token(s, [&](size_t i, uint32_t row, uint32_t col) {
    bands[i] = 3 * band(row, s.down() * s.window_rows, s.window_rows, s.shift_rows) +
               band(col, s.across() * s.window_cols, s.window_cols, s.shift_cols);
  });
  std::vector<float> out(size_t{s.windows()} * tokens * stride);
  for (size_t query = 0; query < bands.size(); ++query) {
    const size_t window = query / tokens * tokens;
    for (uint32_t key = 0; key < tokens; ++key)
      if (bands[query] != bands[window + key]) out[query * stride + key] = masked;
  }
  return out;
}

Windows::Windows(WeightStore& store, const WindowShape& shape) : shape_(shape) {
  const auto cells = cells_of_tokens(shape);
  bool in_order = cells.size() == size_t{shape.rows} * shape.cols;
  for (size_t i = 0; in_order && i < cells.size(); ++i) in_order = cells[i] == i;
  if (in_order && shape.windows() == 1) return;
  tokens_of_cells_ = tokens_of_cells(shape);
  to_cells_ = store.table(tokens_of_cells_);
  if (in_order) return;
  to_tokens_ = store.table(cells);
  if (shape.shift_rows == 0 && shape.shift_cols == 0) return;
  const uint32_t tokens = shape.tokens();
  const uint64_t bytes = uint64_t{4} * shape.windows() * tokens * ((tokens + 3) / 4 * 4);
  if (bytes > largest_mask)
    throw Error(ErrorKind::unsupported,
                fmt::format("[load] masks of {} windows of {}×{} cells take {} MiB: use a smaller input",
                            shape.windows(), shape.window_rows, shape.window_cols, bytes >> 20));
  mask_ = store.vector(shift_mask(shape), {shape.windows(), 1, tokens, (tokens + 3) / 4 * 4});
}

Tensor Windows::cut(Recorder& r, const Tensor& x) const {
  const Tensor rows = to_tokens_ ? ops::gather_rows(r, x, to_tokens_) : x;
  return rows.reshaped({x.shape[0] * shape_.windows(), shape_.tokens(), x.shape[2]});
}

Tensor Windows::join(Recorder& r, const Tensor& y) const {
  const Tensor rows =
      y.reshaped({y.shape[0] / shape_.windows(), shape_.windows() * shape_.tokens(), y.shape[2]});
  return to_tokens_ ? ops::gather_rows(r, rows, to_cells_) : rows;
}

}  // namespace fovea::layers
