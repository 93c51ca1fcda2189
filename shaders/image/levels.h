// Parameters of the levels kernel, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct LevelsPush {
  uint rows, cols, first;  // of the map, and where its first cell is
  float smoothing;         // weight of earlier frames' values
  float forgetting;        // what part of the way a running range closes in a frame
  float lowest, highest;   // of a fixed range
};

#ifdef __cplusplus
}
#endif
