// Frames a second of the live pipeline, beside the bare model's.
#pragma once

#include <cstdint>

#include "fovea/live.h"

namespace fovea::apps {

struct LiveBench {
  uint32_t frames = 0;
  double frame_ms = 0;  // between frames, with the last layer's map drawn over each
  double model_ms = 0;  // one replay of the bare model, timed in turns with the frames
  double share = 0;     // of the bare model's rate that the pipeline keeps, the median of the turns
  double latency_ms = 0;
  StageTimes stages;  // medians
};

// `frames` BGR frames of noise through a pipeline with three in flight.
LiveBench bench_live(const Model& model, uint32_t width, uint32_t height, uint32_t frames);

}  // namespace fovea::apps
