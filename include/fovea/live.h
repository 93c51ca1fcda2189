// Moving pictures: several frames in flight, so that upload, model, maps and read-back overlap with whatever
// the caller does meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "fovea/image.h"
#include "fovea/maps.h"
#include "fovea/model.h"
#include "fovea/session.h"

namespace fovea {

struct LiveOptions {
  uint32_t in_flight = 3;  // frames submitted and not yet collected, 1…8
  uint32_t top_k = 5;      // classes reported, clipped to the model's
};

// How a map's values become colours.
enum class MapScale {
  frame,    // each frame's own minimum…maximum
  running,  // the same, of slowly forgotten earlier frames as well, so that brightness does not flicker
  fixed,    // LiveLayer::lowest…highest
};
const char* to_string(MapScale scale);
std::span<const MapScale> map_scales();
MapScale scale_named(std::string_view name);  // throws RequestError naming those there are

// One map drawn over a frame.
struct LiveLayer {
  MapRequest map;
  OverlayOptions look;
  MapScale scale = MapScale::frame;
  float lowest = 0, highest = 1;  // for MapScale::fixed
  float smoothing = 0;            // weight of earlier frames' maps, 0 (none) … below 1

  bool operator==(const LiveLayer&) const = default;
};
// As check_look() of its look, and for a smoothing or a fixed range that makes no sense.
void check_look(const LiveLayer& layer);

// What one viewer sees: layers drawn one over another, the first at the bottom.
struct LiveView {
  std::vector<LiveLayer> layers;
  bool operator==(const LiveView&) const = default;
};

struct LivePicture {
  std::vector<uint8_t> bgr;        // height * width * 3, the frame with the maps over it
  std::vector<AttentionMap> maps;  // one a layer, as the method gives it (after smoothing)
};

// Device time of one frame, milliseconds; all zero where the device has no timestamps.
struct StageTimes {
  double upload = 0, preprocess = 0, model = 0, maps = 0, overlay = 0, download = 0;
  double all() const { return upload + preprocess + model + maps + overlay + download; }
};

struct LiveFrame {
  uint64_t number = 0;  // as submitted
  uint32_t width = 0, height = 0;
  std::vector<Prediction> topk;       // best first
  std::vector<LivePicture> pictures;  // one a view
  StageTimes device_ms;
  double latency_ms = 0;  // from submit() to collect()
};

// For one thread at a time.
class Live {
 public:
  explicit Live(const Model& model, const LiveOptions& options = {});
  ~Live();
  Live(Live&&) noexcept;
  Live& operator=(Live&&) noexcept;

  const Model& model() const;

  // The views drawn from the next submit() on, possibly none. Frames in flight keep theirs. Throws
  // Error(usage) for a map that the model does not have; the views then stay as they were.
  void set_views(std::span<const LiveView> views);

  bool full() const;   // in_flight frames wait to be collected
  bool empty() const;  // none does
  // Uploads a frame and starts its work; returns at once. The size may change from frame to frame. Throws
  // Error(usage) when full() or for an empty frame.
  void submit(const ImageView& frame, uint64_t number);
  // True when collect() would not wait, for a frame or for none; waits for that so long.
  bool ready(std::chrono::nanoseconds wait = {}) const;
  // The oldest frame in flight, waiting for it; nothing when none is in flight.
  std::optional<LiveFrame> collect();

  // As Session's.
  Region visible_region(uint32_t width, uint32_t height) const;
  PatchIndex patch_at(uint32_t width, uint32_t height, double x, double y, int layer = -1) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
