// Parameters of cross_entropy, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct CrossEntropyPush {
  uint batch, steps, classes;
  uint ignored;  // a target that does not count
};

#ifdef __cplusplus
}
#endif
