// Parameters of fma_peak.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct FmaPeakPush {
  uint workgroups, rounds;
  float factor;  // unknown to the compiler, so that nothing folds
};

#ifdef __cplusplus
}
#endif
