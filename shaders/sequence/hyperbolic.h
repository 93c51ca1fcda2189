// Parameters of the kernels of tanh, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct HyperbolicPush {
  uint rows, units;  // see common/units.glsl
};

#ifdef __cplusplus
}
#endif
