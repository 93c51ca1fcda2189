#include "models/arch/swin_v2/continuous_bias.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "models/nn/shapes.h"

namespace fovea::swin_v2 {
namespace {

// sign(x) log2(1 + |x|) / log2 8 of the offset in eighths of the way to the last cell.
double coordinate(int32_t offset, uint32_t side) {
  const double x = 8.0 * offset / (side - 1.0);
  return std::copysign(std::log2(1 + std::abs(x)) / 3, x);
}

}  // namespace

layers::OffsetBias continuous_bias(const io::Weights& w, uint32_t heads, uint32_t rows, uint32_t cols,
                                   uint32_t trained) {
  const uint32_t high = trained != 0 ? trained : rows, wide = trained != 0 ? trained : cols;
  if (high < 2 || wide < 2)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] {} has windows of {}×{}: its position bias needs two cells a side at least",
                    w.scope(), high, wide));
  const uint32_t hidden = layers::dimension(w, "cpb_mlp.0.weight", 2, 0);
  const auto w1 = w.take("cpb_mlp.0.weight", {hidden, 2}), b1 = w.take("cpb_mlp.0.bias", {hidden}),
             w2 = w.take("cpb_mlp.2.weight", {heads, hidden});
  layers::OffsetBias out{rows, cols, heads, {}};
  std::vector<double> h(hidden);
  const auto last_row = static_cast<int32_t>(rows) - 1, last_col = static_cast<int32_t>(cols) - 1;
  for (int32_t dy = -last_row; dy <= last_row; ++dy)
    for (int32_t dx = -last_col; dx <= last_col; ++dx) {
      const double y = coordinate(dy, high), x = coordinate(dx, wide);
      for (uint32_t j = 0; j < hidden; ++j)
        h[j] = std::max(0.0, double{b1[j]} + double{w1[2 * j]} * y + double{w1[2 * j + 1]} * x);
      for (uint32_t i = 0; i < heads; ++i) {
        double sum = 0;
        for (uint32_t j = 0; j < hidden; ++j) sum += double{w2[size_t{i} * hidden + j]} * h[j];
        out.values.push_back(static_cast<float>(16 / (1 + std::exp(-sum))));
      }
    }
  return out;
}

}  // namespace fovea::swin_v2
