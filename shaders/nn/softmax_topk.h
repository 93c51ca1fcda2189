// Parameters of the softmax and top-k kernel, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct SoftmaxTopkPush {
  uint rows, classes, k;
};

#ifdef __cplusplus
}
#endif
