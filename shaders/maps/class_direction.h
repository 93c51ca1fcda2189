// Parameters of class_direction, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ClassDirectionPush {
  uint images, channels, classes;  // classes: row length of the packed head
  uint class_stride, rank;         // from one image's classes to the next one's; which of them
  float factor, epsilon;
};

#ifdef __cplusplus
}
#endif
