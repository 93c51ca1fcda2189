// Parameters of the kernels of attention's centres, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct CentresPush {
  uint batch, queries;
};

#ifdef __cplusplus
}
#endif
