// Parameters of swiglu.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct SwigluPush {
  uint rows, hidden;
};

#ifdef __cplusplus
}
#endif
