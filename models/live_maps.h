// Maps of a live stream: each drawn once a frame, whoever asks for it, and its levels for display.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "fovea/live.h"
#include "models/forward.h"

namespace fovea {

class MapStage {
 public:
  struct Map {
    LiveLayer asked;  // its look means nothing here
    uint32_t rows = 0, cols = 0;
    Tensor values, levels;               // as ops::levels() gives them
    std::shared_ptr<gpu::Buffer> state;  // of earlier frames; empty where nothing is remembered
  };

  // Throws Error(usage) for what a view cannot ask of the model. Maps that `before` has too go on with what
  // they remember; it may be nullptr.
  MapStage(gpu::Device& device, const Forward& forward, const ModelInfo& info,
           std::span<const LiveView> views, const MapStage* before);

  const std::vector<LiveView>& views() const { return views_; }
  const std::vector<Map>& maps() const { return maps_; }
  size_t index_of(const LiveLayer& layer) const;

  // What a frame runs, in order. The first frame also clears what nothing is remembered of yet.
  std::vector<gpu::Commands*> sequences();
  void has_run() { cleared_ = true; }

 private:
  std::shared_ptr<gpu::Buffer> state_for(gpu::Device& device, const Map& map, const MapStage* before);

  std::vector<LiveView> views_;
  std::vector<Map> maps_;
  std::vector<std::shared_ptr<gpu::Buffer>> fresh_;
  std::unique_ptr<gpu::Commands> clear_;
  bool cleared_ = false;
  Program program_;
};

}  // namespace fovea
