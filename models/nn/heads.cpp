#include "models/nn/heads.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "fovea/error.h"

namespace fovea::layers {
namespace {

LinearNumbers separate(const io::Weights& w, uint32_t inputs) {
  const uint32_t channels = linear_columns(w / "q_proj");
  const std::array parts{linear_numbers(w / "q_proj", channels, inputs),
                         linear_numbers(w / "k_proj", channels, inputs),
                         linear_numbers(w / "v_proj", channels, inputs)};
  return stacked(w.path("qkv"), parts);
}

// timm leaves out the bias of keys, as softmax does not see it: BEiT, EVA, Swin v2.
std::vector<float> bias_without_keys(const io::Weights& w, uint32_t channels) {
  std::vector<float> out = w.take("q_bias", {channels});
  out.resize(size_t{2} * channels);
  const auto values = w.take("v_bias", {channels});
  out.insert(out.end(), values.begin(), values.end());
  return out;
}

// [heads, 3, size] → [3, heads, size].
std::vector<float> parts_first(const std::vector<float>& values, size_t heads, size_t size) {
  std::vector<float> out(values.size());
  for (size_t part = 0; part < 3; ++part)
    for (size_t head = 0; head < heads && !values.empty(); ++head)
      std::copy_n(&values[(head * 3 + part) * size], size, &out[(part * heads + head) * size]);
  return out;
}

}  // namespace

Heads Heads::of(const io::Weights& w, uint32_t channels, uint32_t count) {
  if (count == 0 || channels % count != 0)
    throw Error(ErrorKind::model, fmt::format("[load] {} has {} channels, which do not split into {} heads",
                                              w.scope(), channels, count));
  return {count, channels / count};
}

float Heads::scale() const {
  return 1.0F / std::sqrt(static_cast<float>(width));
}

std::vector<float> padded_heads(std::span<const float> values, const Heads& heads, size_t length) {
  const size_t from = heads.width * length, to = heads.padded() * length, groups = values.size() / from;
  std::vector<float> out(groups * to);
  for (size_t g = 0; g < groups; ++g) std::copy_n(values.data() + g * from, from, out.data() + g * to);
  return out;
}

LinearNumbers padded_rows(LinearNumbers numbers, const Heads& heads) {
  numbers.weight = padded_heads(numbers.weight, heads, numbers.inputs);
  numbers.bias = padded_heads(numbers.bias, heads, 1);
  numbers.columns = numbers.columns / heads.width * heads.padded();
  return numbers;
}

LinearNumbers padded_inputs(LinearNumbers numbers, const Heads& heads) {
  numbers.weight = padded_heads(numbers.weight, heads, 1);
  numbers.inputs = numbers.inputs / heads.width * heads.padded();
  return numbers;
}

LinearNumbers qkv_numbers(const io::Weights& w, uint32_t inputs, uint32_t heads, QkvOrder order) {
  if (w.has("q_proj.weight")) return separate(w, inputs);
  const uint32_t rows = linear_columns(w / "qkv"), channels = rows / 3;
  if (heads == 0 || rows % (3 * uint64_t{heads}) != 0)
    throw Error(ErrorKind::model,
                fmt::format("[load] tensor {} has {} rows, which are no queries, keys and values "
                            "of {} heads",
                            w.path("qkv.weight"), rows, heads));
  LinearNumbers out = linear_numbers(w / "qkv", rows, inputs);
  if (order == QkvOrder::heads_first) {
    const size_t width = channels / heads;
    out.weight = parts_first(out.weight, heads, width * inputs);
    out.bias = parts_first(out.bias, heads, width);
  }
  if (w.has("q_bias")) out.bias = bias_without_keys(w, channels);
  return out;
}

}  // namespace fovea::layers
