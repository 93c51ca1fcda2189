// Parameters of the kernels of global response normalisation, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct GrnPush {
  uint images, tokens, units;  // of x
  uint part_tokens;            // of an image, that a workgroup of the second kernel writes
  float epsilon;
};

#ifdef __cplusplus
}
#endif
