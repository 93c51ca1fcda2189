// Parameters of the channel_stats kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ChannelStatsPush {
  uint pixels;  // of all images
  uint units;   // of a pixel, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
