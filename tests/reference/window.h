// Attention in windows as it is defined, in double precision, on the maps of random networks.
#pragma once

#include <functional>

#include "tests/models/golden.h"
#include "tests/models/random_network.h"

namespace random_network {

// Rolled up and left, then padded with zeros at the bottom and right.
inline Map rolled(const Map& x, uint32_t down, uint32_t across, uint32_t rows, uint32_t cols) {
  Map y = like(x, x.channels, rows, cols);
  for (uint32_t c = 0; c < x.channels; ++c)
    for (uint32_t i = 0; i < x.rows; ++i)
      for (uint32_t j = 0; j < x.cols; ++j)
        y.at(c, i, j) = x.at(c, (i + down) % x.rows, (j + across) % x.cols);
  return y;
}

// Cropped to rows × cols, then rolled back.
inline Map unrolled(const Map& x, uint32_t down, uint32_t across, uint32_t rows, uint32_t cols) {
  Map y = like(x, x.channels, rows, cols);
  for (uint32_t c = 0; c < x.channels; ++c)
    for (uint32_t i = 0; i < rows; ++i)
      for (uint32_t j = 0; j < cols; ++j) y.at(c, (i + down) % rows, (j + across) % cols) = x.at(c, i, j);
  return y;
}

struct Cell {
  uint32_t row, col;
};
using Together = std::function<bool(Cell, Cell)>;          // whether two cells share a window
using Term = std::function<double(uint32_t, Cell, Cell)>;  // added to the logit of (head, query, key)

// qkv [3 * heads * width, rows, cols] with channels [3, heads, width], or [heads, 3, width].
inline Map attend(const Map& qkv, uint32_t heads, bool heads_first, const Together& together,
                  const Term& term) {
  const uint32_t width = qkv.channels / 3 / heads;
  Map y = like(qkv, heads * width, qkv.rows, qkv.cols);
  std::vector<Cell> cells;
  for (uint32_t i = 0; i < qkv.rows; ++i)
    for (uint32_t j = 0; j < qkv.cols; ++j) cells.push_back({i, j});
  for (uint32_t h = 0; h < heads; ++h) {
    const auto channel = [&](uint32_t part) {
      return (heads_first ? h * 3 + part : part * heads + h) * width;
    };
    for (const Cell& q : cells) {
      double sum = 0;
      std::vector<double> out(width);
      for (const Cell& k : cells) {
        if (!together(q, k)) continue;
        double logit = 0;
        for (uint32_t c = 0; c < width; ++c)
          logit += qkv.at(channel(0) + c, q.row, q.col) * qkv.at(channel(1) + c, k.row, k.col);
        const double weight = std::exp(logit / std::sqrt(width) + term(h, q, k));
        sum += weight;
        for (uint32_t c = 0; c < width; ++c) out[c] += weight * qkv.at(channel(2) + c, k.row, k.col);
      }
      for (uint32_t c = 0; c < width; ++c) y.at(h * width + c, q.row, q.col) = out[c] / sum;
    }
  }
  return y;
}

inline Together neighbours(uint32_t rows, uint32_t cols) {
  return [=](Cell a, Cell b) { return a.row / rows == b.row / rows && a.col / cols == b.col / cols; };
}

// logits: as the model gave them for one image.
inline void check_logits(const std::vector<float>& logits, const Map& expected, double tolerance) {
  REQUIRE(logits.size() == expected.v.size());
  double largest = 1;
  for (const double value : expected.v) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < logits.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(double{logits[i]} - expected.v[i]) <= tolerance * largest);
  }
}

// What a model of the network's files answers to x.
inline std::vector<float> answer(const Network& network, const std::string& architecture,
                                 const std::string& model_args, const Map& x) {
  const Folder folder(network, architecture, model_args, x.rows, x.cols);
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  return golden::answer(model, {x.v.begin(), x.v.end()}).at("logits").values;
}

}  // namespace random_network
