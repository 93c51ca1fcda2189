// What each map costs beside the forward pass.
#pragma once

#include <cstdint>
#include <vector>

#include "fovea/session.h"

namespace fovea::apps {

struct MapTime {
  MapMethod method{};
  double ms = 0;     // drawn and read back, with the method's defaults
  double share = 0;  // of a forward pass timed in turns with it
};

struct MapsBench {
  double pass_ms = 0;
  std::vector<MapTime> maps;  // in the order of map_traits()
};

// Medians of `runs` draws of each method that the model has.
MapsBench bench_maps(const Model& model, uint32_t runs);

}  // namespace fovea::apps
