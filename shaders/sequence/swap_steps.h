// Parameters of swap_steps, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct SwapStepsPush {
  uint outer, inner, units;  // of x, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
