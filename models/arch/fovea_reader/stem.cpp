#include "models/arch/fovea_reader/stem.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "fovea/error.h"
#include "models/nn/layout.h"
#include "models/nn/shapes.h"
#include "runtime/ops/conv/resize2d.h"

namespace fovea::reader {
namespace {

constexpr ops::Activation relu = ops::Activation::relu;

// A linear layer over all rows of a column at once is a convolution as high as the picture: its weight
// [columns, channels · rows] is one of [columns, channels, rows, 1].
layers::Conv column_conv(WeightStore& store, const io::Weights& w, uint32_t columns, const Stem& stem) {
  layers::LinearNumbers numbers = layers::linear_numbers(w, columns, stem.channels() * stem.rows());
  const layers::ConvShape shape{stem.channels(), columns, 1, {.rows = stem.rows()}};
  return {store, layers::ConvNumbers{numbers.name, std::move(numbers.weight), std::move(numbers.bias)},
          shape};
}

}  // namespace

std::vector<uint32_t> strides_of(const io::ModelConfig& config) {
  constexpr size_t most = 64;
  constexpr uint32_t largest = 8;
  const nlohmann::json& args = config.model_args;
  const auto found = args.find("strides");
  const bool listed = found != args.end() && found->is_array() && !found->empty() && found->size() <= most;
  if (!listed)
    throw Error(ErrorKind::file,
                fmt::format("[config] {}: strides must be a list of 1 to {} whole numbers, one a convolution",
                            config.file.string(), most));
  std::vector<uint32_t> out;
  for (const nlohmann::json& stride : *found)
    out.push_back(io::arg_uint({{"strides", stride}}, "strides", 0, config.file, 1, largest));
  return out;
}

Stem::Stem(WeightStore& store, const io::Weights& w, const std::vector<uint32_t>& strides, uint32_t height,
           uint32_t width)
    : rows_(height), cols_(width) {
  for (size_t i = 0; i < strides.size(); ++i) {
    const io::Weights stage = w / i;
    const uint32_t columns = layers::dimension(stage / "conv", "weight", 4, 0);
    const ops::Window window = ops::Window::square(3, strides[i], 1);
    stages_.push_back({layers::Conv(store, stage / "conv", stage / "bn", {channels_, columns, 1, window}),
                       columns == channels_ && strides[i] == 1});
    channels_ = columns;
    rows_ = window.out_rows(rows_);
    cols_ = window.out_cols(cols_);
  }
}

Tensor Stem::operator()(Recorder& r, const Tensor& input) const {
  Tensor x = layers::channels_last(r, input);
  for (const Stage& stage : stages_)
    x = stage.adds_input ? stage.conv(r, x, {.residual = x, .final = relu})
                         : stage.conv(r, x, {.activation = relu});
  return x;
}

Columns::Columns(WeightStore& store, const io::Weights& w, uint32_t columns, const Stem& stem)
    : over_rows_(column_conv(store, w, columns, stem)) {}

Tensor Columns::operator()(Recorder& r, const Tensor& cells) const {
  const Tensor y = over_rows_(r, cells, {.activation = relu});  // [images, 1, cols, columns]
  return y.reshaped({y.shape[0], y.shape[2], y.shape[3]});
}

CellMemory::CellMemory(WeightStore& store, const io::Weights& w, uint32_t width, const Stem& stem)
    : cells_(store, w / "cells", width, stem.channels()), seen_(store, w / "seen", width, width) {}

Tensor CellMemory::operator()(Recorder& r, const Tensor& cells, const Tensor& read) const {
  const uint32_t images = cells.shape[0], rows = cells.shape[1], cols = cells.shape[2];
  const Tensor seen = seen_(r, read);
  const uint32_t width = seen.shape.last();
  const Tensor in_rows =
      ops::resize2d(r, seen.reshaped({images, 1, cols, width}), rows, cols, ops::ResizeMode::nearest);
  return cells_(r, cells, {.residual = in_rows}).reshaped({images, rows * cols, width});
}

}  // namespace fovea::reader
