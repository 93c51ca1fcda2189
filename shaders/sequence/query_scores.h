// Parameters of query_scores and additive_scores_backward, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct QueryScoresPush {
  uint batch, queries, keys, units;  // units: of a query's channels, see common/units.glsl
  float scale;
};

#ifdef __cplusplus
}
#endif
