// Parameters of discard_lowest, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct DiscardLowestPush {
  uint images, entries;  // of an image
  uint count;            // how many of them go, 1 or more
  uint keep_first;       // entry 0 stays, counted or not
};

#ifdef __cplusplus
}
#endif
