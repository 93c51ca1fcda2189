#include "models/arch/beit/beit_bias.h"

#include <fmt/format.h>

#include <utility>

#include "fovea/error.h"
#include "models/nn/shapes.h"

namespace fovea::beit {
namespace {

constexpr uint64_t largest_bytes = 1U << 30;  // of one layer's expanded biases

// [heads, tokens, stride] += the bias of each query and key.
void add(std::vector<float>& out, const Bias& bias, size_t stride) {
  const layers::OffsetBias& p = bias.patches;
  const size_t patches = size_t{p.rows} * p.cols, tokens = patches + 1;
  for (uint32_t h = 0; h < p.heads; ++h) {
    float* const head = &out[h * tokens * stride];
    head[0] += bias.within_class[h];
    for (size_t key = 1; key < tokens; ++key) head[key] += bias.from_class[h];
    for (uint32_t q = 0; q < patches; ++q) {
      float* const row = head + (q + 1) * stride;
      row[0] += bias.to_class[h];
      for (uint32_t k = 0; k < patches; ++k)
        row[k + 1] += p.at(h, static_cast<int32_t>(q / p.cols) - static_cast<int32_t>(k / p.cols),
                           static_cast<int32_t>(q % p.cols) - static_cast<int32_t>(k % p.cols));
    }
  }
}

}  // namespace

Bias bias_table(const io::Weights& w, const Grid& grid) {
  const char* const name = "relative_position_bias_table";
  const uint32_t offsets = layers::dimension(w, name, 2, 0), heads = layers::dimension(w, name, 2, 1);
  const uint64_t patches = uint64_t{2 * grid.rows - 1} * (2 * grid.cols - 1);
  if (offsets != patches + 3)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] tensor {} has {} offsets, a grid of {}×{} patches and a class token have {}",
                    w.path(name), offsets, grid.rows, grid.cols, patches + 3));
  const auto table = w.take(name, {offsets, heads});
  const auto row = [&](uint64_t i) {
    const auto first = table.begin() + static_cast<ptrdiff_t>(i * heads);
    return std::vector<float>(first, first + heads);
  };
  return {{grid.rows, grid.cols, heads, {table.begin(), table.end() - ptrdiff_t{3} * heads}},
          row(patches),
          row(patches + 1),
          row(patches + 2)};
}

Bias resampled(Bias bias, const Grid& grid) {
  bias.patches = layers::resampled(bias.patches, grid.rows, grid.cols);
  return bias;
}

Tensor expanded(WeightStore& store, const Bias& bias, const Bias* shared) {
  const uint32_t tokens = Grid{bias.patches.rows, bias.patches.cols}.tokens(), heads = bias.patches.heads,
                 stride = (tokens + 3) / 4 * 4;
  const uint64_t bytes = uint64_t{4} * heads * tokens * stride;
  if (bytes > largest_bytes)
    throw Error(
        ErrorKind::unsupported,
        fmt::format("[load] attention biases of {} heads over {}×{} patches take {} MiB a layer: use a "
                    "smaller input",
                    heads, bias.patches.rows, bias.patches.cols, bytes >> 20));
  std::vector<float> out(bytes / 4);
  add(out, bias, stride);
  if (shared != nullptr) add(out, *shared, stride);
  return store.vector(out, {1, heads, tokens, stride});
}

}  // namespace fovea::beit
