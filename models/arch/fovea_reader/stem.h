// What a reader sees of a picture: cells of features, and the columns that they stand in.
#pragma once

#include <vector>

#include "models/config/config.h"
#include "models/nn/conv.h"
#include "models/nn/linear.h"

namespace fovea::reader {

// Convolutions of 3 × 3, each with its BatchNorm and ReLU, that add their input where it is of the output's
// shape.
class Stem {
 public:
  // stem.<i>.conv, stem.<i>.bn; a stride for each, and the size of the pictures.
  Stem(WeightStore& store, const io::Weights& w, const std::vector<uint32_t>& strides, uint32_t height,
       uint32_t width);
  // input [images, 3, height, width] → [images, rows, cols, channels]
  Tensor operator()(Recorder& r, const Tensor& input) const;

  uint32_t rows() const { return rows_; }
  uint32_t cols() const { return cols_; }
  uint32_t channels() const { return channels_; }

 private:
  struct Stage {
    layers::Conv conv;
    bool adds_input = false;
  };
  std::vector<Stage> stages_;
  uint32_t rows_, cols_, channels_ = 3;
};

// Of each of its convolutions, as the configuration lists them. Throws Error(file) where it does not.
std::vector<uint32_t> strides_of(const io::ModelConfig& config);

// What the cells of a column tell together: a linear layer and ReLU.
class Columns {
 public:
  // columns.weight [columns, channels · rows]
  Columns(WeightStore& store, const io::Weights& w, uint32_t columns, const Stem& stem);
  // cells [images, rows, cols, channels] → [images, cols, columns]
  Tensor operator()(Recorder& r, const Tensor& cells) const;

 private:
  layers::Conv over_rows_;
};

// What a decoder looks at, a row for each cell: what is in it, and what was read before and behind its
// column.
class CellMemory {
 public:
  CellMemory(WeightStore& store, const io::Weights& w, uint32_t width, const Stem& stem);
  // cells as above, read [images, cols, width] → [images, rows · cols, width]
  Tensor operator()(Recorder& r, const Tensor& cells, const Tensor& read) const;

 private:
  layers::Linear cells_, seen_;
};

}  // namespace fovea::reader
