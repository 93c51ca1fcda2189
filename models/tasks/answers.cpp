#include "models/tasks/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"

namespace fovea {

void check_finite(const ModelInfo& info, std::span<const float> logits) {
  for (const float logit : logits)
    if (!std::isfinite(logit))
      throw Error(
          ErrorKind::unsupported,
          fmt::format("[forward] {} with {} storage gives logits that are not numbers: use fp32 storage",
                      info.architecture, to_string(info.precision)));
}

std::vector<Prediction> predictions(std::span<const float> logits, std::span<const float> probabilities,
                                    std::span<const uint32_t> indices) {
  std::vector<Prediction> out;
  for (size_t i = 0; i < indices.size(); ++i)
    out.push_back({indices[i], probabilities[i], logits[indices[i]]});
  return out;
}

PatchIndex patch_under(const ModelInfo& info, const Region& seen, uint32_t width, uint32_t height, double x,
                       double y, int layer) {
  MapRequest request;
  request.layer = layer;
  const AttentionLayer& grid = info.attention[layer_of(info, request)];
  const double u = (x - seen.x) / seen.width, v = (y - seen.y) / seen.height;
  if (!(u >= 0 && u < 1 && v >= 0 && v < 1 && x >= 0 && y >= 0 && x < width && y < height))
    throw Error(ErrorKind::usage,
                fmt::format("[query] pixel ({}, {}) is outside what the model sees of a {}×{} picture: x "
                            "{:.0f}…{:.0f}, y {:.0f}…{:.0f}",
                            x, y, width, height, seen.x, seen.x + seen.width, seen.y, seen.y + seen.height));
  return {std::min(static_cast<uint32_t>(v * grid.rows), grid.rows - 1),
          std::min(static_cast<uint32_t>(u * grid.cols), grid.cols - 1)};
}

}  // namespace fovea
