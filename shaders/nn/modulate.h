// Parameters of the modulate kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ModulatePush {
  uint images, tokens;  // of x [images, tokens, units]
  uint units;           // of a token, see common/units.glsl
  uint gate_step;       // elements of the spatial gate a token
};

#ifdef __cplusplus
}
#endif
