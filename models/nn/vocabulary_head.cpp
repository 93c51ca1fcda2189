#include "models/nn/vocabulary_head.h"

#include <algorithm>

#include "runtime/ops/maps/class_direction.h"
#include "runtime/ops/train/activation_backward.h"

namespace fovea::layers {
namespace {

// Some rows of a matrix, zeros behind them up to a multiple of four.
LinearNumbers part_of(const LinearNumbers& whole, uint32_t first, uint32_t count) {
  LinearNumbers out{whole.name, (count + 3) / 4 * 4, whole.inputs, {}, {}};
  const auto rows = [&](const std::vector<float>& from, size_t size) {
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>(first * size);
    std::vector<float> values(begin, begin + static_cast<std::ptrdiff_t>(count * size));
    values.resize(out.columns * size);
    return values;
  };
  out.weight = rows(whole.weight, whole.inputs);
  if (!whole.bias.empty()) out.bias = rows(whole.bias, 1);
  return out;
}

}  // namespace

VocabularyScores::VocabularyScores(WeightStore& store, const LinearNumbers& numbers)
    : vocabulary_(numbers.columns) {
  const uint64_t columns = store.largest() / element_bytes(store.storage()) / numbers.inputs / 4 * 4;
  const auto most = static_cast<uint32_t>(std::clamp<uint64_t>(columns, 4, 1U << 30U));
  for (uint32_t first = 0; first < vocabulary_; first += most)
    parts_.emplace_back(store, part_of(numbers, first, std::min(most, vocabulary_ - first)));
}

Tensor VocabularyScores::operator()(Recorder& r, const Tensor& x) const {
  return joined(r, x, vocabulary_);
}

Tensor VocabularyScores::in_fours(Recorder& r, const Tensor& x) const {
  return joined(r, x, (vocabulary_ + 3) / 4 * 4);
}

Tensor VocabularyScores::joined(Recorder& r, const Tensor& x, uint32_t columns) const {
  if (parts_.size() == 1 && parts_.front().weights().columns == columns) return parts_.front()(r, x);
  const Tensor y = r.temporary({x.shape[0], x.shape[1], columns}, x.dtype, "scores");
  uint32_t first = 0;
  for (const Linear& part : parts_) {
    const Tensor scores = part(r, x);
    const uint32_t own = scores.shape.last(), count = std::min(own, columns - first);
    for (uint64_t row = 0; row < x.shape.rows(); ++row)
      r.copy(scores.part(row * own, {count}), y.part(row * columns + first, {count}));
    first += count;
  }
  return y;
}

Tensor VocabularyScores::gradient(Recorder& r, uint32_t part, const Tensor& token) const {
  ops::ClassDirectionCase c;
  c.head = parts_.at(part).weights();
  c.classes = token;
  const Tensor row = ops::class_direction(r, c);
  return row.reshaped({row.shape[0], 1, row.shape[1]});
}

Tensor VocabularyHead::gradient(Recorder& r, const Tensor& x, uint32_t part, const Tensor& token) const {
  const Tensor d = scores_.gradient(r, part, token);
  if (!dense_) return d;
  const Tensor inner = (*dense_)(r, x);
  const Tensor read = (*dense_)(r, x, {activation_, {}, {}});
  return dense_->backward(r, ops::activation_backward(r, inner, norm_->backward(r, read, d), activation_));
}

}  // namespace fovea::layers
