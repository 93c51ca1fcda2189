#include "models/tasks/patch_under.h"

#include <fmt/format.h>

#include <algorithm>

#include "fovea/error.h"

namespace fovea {

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
