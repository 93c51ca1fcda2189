// Parameters of the activation_backward kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ActivationBackwardPush {
  uint rows, units;  // of dy, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
