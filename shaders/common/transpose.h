// Parameters of transpose.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct TransposePush {
  uint images, a, b;  // of x
  uint width;         // of y [images, b, width], zeros from column a on
};

#ifdef __cplusplus
}
#endif
