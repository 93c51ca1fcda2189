// Parameters of score_weights and its gradient, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ScoreWeightsPush {
  uint rows, queries, keys;  // rows: of all images, queries of one
  float window;              // keys that far from a row's centre count
  float falloff;             // 1 / (2 σ²) of the Gaussian
  uint seed;                 // of samples
};

#ifdef __cplusplus
}
#endif
