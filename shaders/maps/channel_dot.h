// Parameters of channel_dot, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ChannelDotPush {
  uint images, cells, channels;
  float epsilon;  // of the norm
};

#ifdef __cplusplus
}
#endif
