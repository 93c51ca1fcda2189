// Draws attention maps over pictures on the device.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fovea/image.h"
#include "fovea/maps.h"
#include "fovea/session.h"
#include "shaders/image/overlay.h"

namespace fovea {

namespace gpu {
class Device;
}

// Where a map of rows × cols cells lies over the picture's rows from first_row on.
OverlayFrame overlay_frame(uint32_t rows, uint32_t cols, const Region& region, uint32_t first_row);

// Keeps what it recorded for the last picture size. Not for two threads at once.
class MapOverlay {
 public:
  // Uploads take at most strip_bytes at once; larger pictures go in strips of rows.
  explicit MapOverlay(gpu::Device& device, uint64_t strip_bytes = 64U << 20);
  ~MapOverlay();
  MapOverlay(MapOverlay&&) noexcept;
  MapOverlay& operator=(MapOverlay&&) noexcept;

  // The picture with the map, stretched to its own minimum…maximum, over `region` and half as bright outside
  // it. A map of one value takes the lowest colour. Returns RGB8, width * height * 3. Throws Error(usage) for
  // an empty picture or map and a region without area, RequestError for a look that makes no sense.
  std::vector<uint8_t> draw(const ImageView& image, const AttentionMap& map, const Region& region,
                            const OverlayOptions& options);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
