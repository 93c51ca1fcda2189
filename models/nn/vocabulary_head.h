// The scores of a vocabulary for each token.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "models/nn/layer_norm.h"
#include "models/nn/linear.h"

namespace fovea::layers {

// A linear layer of tens of thousands of columns: in as many parts as the device's buffers ask for, each of
// whole fours, which kernels for CPU drivers want.
class VocabularyScores {
 public:
  VocabularyScores(WeightStore& store, const LinearNumbers& numbers);
  Tensor operator()(Recorder& r, const Tensor& x) const;
  // Rows as they are computed, with columns behind the vocabulary up to a multiple of four.
  Tensor in_fours(Recorder& r, const Tensor& x) const;

  // Tokens of a part of the matrix, but for the last one.
  uint32_t part_size() const { return parts_.size() == 1 ? vocabulary_ : parts_.front().weights().columns; }
  uint32_t parts() const { return static_cast<uint32_t>(parts_.size()); }
  // The gradient of one token's score by x, [images, 1, width] f32: token u32 [images, 1], counted in the
  // part.
  Tensor gradient(Recorder& r, uint32_t part, const Tensor& token) const;

 private:
  Tensor joined(Recorder& r, const Tensor& x, uint32_t columns) const;

  uint32_t vocabulary_;
  std::vector<Linear> parts_;
};

class VocabularyHead {
 public:
  explicit VocabularyHead(VocabularyScores scores) : scores_(std::move(scores)) {}
  // BERT's: scores(norm(act(dense(x)))).
  VocabularyHead(Linear dense, ops::Activation activation, LayerNorm norm, VocabularyScores scores)
      : dense_(std::move(dense)),
        activation_(activation),
        norm_(std::move(norm)),
        scores_(std::move(scores)) {}

  // x [images, tokens, width] → [images, tokens, vocabulary]
  Tensor operator()(Recorder& r, const Tensor& x) const { return scores_(r, before_scores(r, x)); }
  // The same in rows that are a multiple of four, as kernels that choose from them want.
  Tensor in_fours(Recorder& r, const Tensor& x) const { return scores_.in_fours(r, before_scores(r, x)); }

  bool linear() const { return !dense_; }
  const VocabularyScores& scores() const { return scores_; }
  // The gradient of one token's score by x [images, 1, width], f32; part and token as of VocabularyScores.
  Tensor gradient(Recorder& r, const Tensor& x, uint32_t part, const Tensor& token) const;

 private:
  Tensor before_scores(Recorder& r, const Tensor& x) const {
    return dense_ ? (*norm_)(r, (*dense_)(r, x, {activation_, {}, {}})) : x;
  }

  std::optional<Linear> dense_;
  ops::Activation activation_ = ops::Activation::none;
  std::optional<LayerNorm> norm_;
  VocabularyScores scores_;
};

}  // namespace fovea::layers
