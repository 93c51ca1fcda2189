#include "models/nn/relative_position.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "models/nn/shapes.h"

namespace fovea::layers {
namespace {

constexpr uint32_t largest_window = 128;      // of square windows, told by a table's length
constexpr uint64_t largest_bytes = 1U << 30;  // of one layer's expanded biases

[[noreturn]] void refuse(const io::Weights& w, const char* name, uint64_t offsets) {
  throw Error(ErrorKind::model, fmt::format("[load] tensor {} holds biases of {} offsets, which are those of "
                                            "no window of up to {} cells a side",
                                            w.path(name), offsets, largest_window));
}

// Offsets of `source` cells (from the centre on) such that the last is about that of `target`: 1, 1 + q,
// 1 + q + q², … with the q that timm's bisection finds.
std::vector<double> spread(uint32_t source, uint32_t target) {
  double low = 1.01, high = 1.5, q = low;
  while (high - low > 1e-6) {
    q = (low + high) / 2;
    const double reach = (1 - std::pow(q, source / 2)) / (1 - q);
    (reach > target / 2 ? high : low) = q;
  }
  std::vector<double> out(source);
  double at = 1;
  for (uint32_t i = 0; i < source / 2; ++i) {
    out[source / 2 + 1 + i] = at;
    out[source / 2 - 1 - i] = -at;
    at += std::pow(q, i + 1);
  }
  return out;
}

// Which two source rows a target offset lies between, and the weight of the second.
struct Between {
  size_t low, high;
  double part;
};
std::vector<Between> between(uint32_t source, uint32_t target) {
  const std::vector<double> at = spread(source, target);
  std::vector<Between> out;
  for (uint32_t i = 0; i < target; ++i) {
    const double x = double{1} * i - target / 2;
    const auto above = static_cast<size_t>(std::lower_bound(at.begin(), at.end(), x) - at.begin());
    const size_t high = std::min(above, at.size() - 1), low = high == 0 ? 0 : high - 1;
    const double gap = at[high] - at[low];
    out.push_back({low, high, gap == 0 ? 0 : std::clamp((x - at[low]) / gap, 0.0, 1.0)});
  }
  return out;
}

}  // namespace

uint32_t square_window(uint64_t offsets) {
  for (uint64_t side = 1; side <= largest_window; ++side)
    if ((2 * side - 1) * (2 * side - 1) == offsets) return static_cast<uint32_t>(side);
  return 0;
}

OffsetBias bias_table(const io::Weights& w, uint32_t rows, uint32_t cols) {
  const char* name = "relative_position_bias_table";
  const uint32_t offsets = dimension(w, name, 2, 0), heads = dimension(w, name, 2, 1);
  if (uint64_t{2 * rows - 1} * (2 * cols - 1) != offsets) rows = cols = square_window(offsets);
  if (rows == 0) refuse(w, name, offsets);
  return {rows, cols, heads, w.take(name, {offsets, heads})};
}

OffsetBias bias_table_of_keys(const io::Weights& w) {
  const char* name = "relative_position_bias_table";
  const uint32_t heads = dimension(w, name, 3, 0), high = dimension(w, name, 3, 1),
                 wide = dimension(w, name, 3, 2);
  if (high % 2 == 0 || wide % 2 == 0 || std::max(high, wide) >= 2 * largest_window)
    refuse(w, name, uint64_t{high} * wide);
  const auto table = w.take(name, {heads, high, wide});
  OffsetBias out{(high + 1) / 2, (wide + 1) / 2, heads, std::vector<float>(table.size())};
  const size_t offsets = size_t{high} * wide;
  for (size_t i = 0; i < table.size(); ++i)
    out.values[(offsets - 1 - i % offsets) * heads + i / offsets] = table[i];
  return out;
}

OffsetBias distance_bias(const io::Weights& w) {
  const char* name = "attention_biases";
  const uint32_t heads = dimension(w, name, 2, 0), distances = dimension(w, name, 2, 1);
  uint32_t side = 1;
  while (side < largest_window && side * side < distances) ++side;
  if (side * side != distances) refuse(w, name, distances);
  const auto table = w.take(name, {heads, distances});
  OffsetBias out{side, side, heads, {}};
  const auto last = static_cast<int32_t>(side) - 1;
  for (int32_t dy = -last; dy <= last; ++dy)
    for (int32_t dx = -last; dx <= last; ++dx)
      for (uint32_t h = 0; h < heads; ++h)
        out.values.push_back(
            table[size_t{h} * distances + static_cast<size_t>(std::abs(dy) * (last + 1) + std::abs(dx))]);
  return out;
}

OffsetBias bias_mlp(const io::Weights& w, uint32_t rows, uint32_t cols) {
  const uint32_t hidden = dimension(w, "mlp.fc1.weight", 2, 0), heads = dimension(w, "mlp.fc2.weight", 2, 0);
  const auto w1 = w.take("mlp.fc1.weight", {hidden, 2}), b1 = w.take("mlp.fc1.bias", {hidden}),
             w2 = w.take("mlp.fc2.weight", {heads, hidden}), b2 = w.take("mlp.fc2.bias", {heads});
  const auto logarithm = [](int32_t offset) {
    return std::copysign(std::log1p(std::abs(double{1} * offset)), double{1} * offset);
  };
  OffsetBias out{rows, cols, heads, {}};
  std::vector<double> h(hidden);
  const auto last_row = static_cast<int32_t>(rows) - 1, last_col = static_cast<int32_t>(cols) - 1;
  for (int32_t dy = -last_row; dy <= last_row; ++dy)
    for (int32_t dx = -last_col; dx <= last_col; ++dx) {
      for (uint32_t j = 0; j < hidden; ++j)
        h[j] = std::max(
            0.0, double{b1[j]} + double{w1[2 * j]} * logarithm(dy) + double{w1[2 * j + 1]} * logarithm(dx));
      for (uint32_t i = 0; i < heads; ++i) {
        double sum = double{b2[i]};
        for (uint32_t j = 0; j < hidden; ++j) sum += double{w2[size_t{i} * hidden + j]} * h[j];
        out.values.push_back(static_cast<float>(sum));
      }
    }
  return out;
}

OffsetBias resampled(const OffsetBias& bias, uint32_t rows, uint32_t cols) {
  if (bias.rows == rows && bias.cols == cols) return bias;
  const uint32_t wide = 2 * bias.cols - 1;
  const auto down = between(2 * bias.rows - 1, 2 * rows - 1), across = between(wide, 2 * cols - 1);
  OffsetBias out{rows, cols, bias.heads, {}};
  for (const Between& y : down)
    for (const Between& x : across)
      for (uint32_t h = 0; h < bias.heads; ++h) {
        const auto value = [&](size_t row, size_t col) {
          return double{bias.values[(row * wide + col) * bias.heads + h]};
        };
        const double top = value(y.low, x.low) * (1 - x.part) + value(y.low, x.high) * x.part,
                     bottom = value(y.high, x.low) * (1 - x.part) + value(y.high, x.high) * x.part;
        out.values.push_back(static_cast<float>(top * (1 - y.part) + bottom * y.part));
      }
  return out;
}

Tensor expanded(WeightStore& store, const OffsetBias& bias) {
  const uint32_t tokens = bias.rows * bias.cols, stride = (tokens + 3) / 4 * 4;
  const uint64_t bytes = uint64_t{4} * bias.heads * tokens * stride;
  if (bytes > largest_bytes)
    throw Error(ErrorKind::unsupported,
                fmt::format("[load] attention biases of {} heads over {}×{} cells take {} MiB: use a smaller "
                            "input",
                            bias.heads, bias.rows, bias.cols, bytes >> 20));
  std::vector<float> out(bytes / 4);
  for (uint32_t h = 0; h < bias.heads; ++h)
    for (uint32_t query = 0; query < tokens; ++query)
      for (uint32_t key = 0; key < tokens; ++key)
        out[(size_t{h} * tokens + query) * stride + key] =
            bias.at(h, static_cast<int32_t>(query / bias.cols) - static_cast<int32_t>(key / bias.cols),
                    static_cast<int32_t>(query % bias.cols) - static_cast<int32_t>(key % bias.cols));
  return store.vector(out, {1, bias.heads, tokens, stride});
}

}  // namespace fovea::layers
