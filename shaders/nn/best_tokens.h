// Parameters of best_tokens.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct BestTokensPush {
  uint rows, classes, stride4;  // of a row of scores: those that count, and fours
  uint k;                       // at most 32
};

#ifdef __cplusplus
}
#endif
