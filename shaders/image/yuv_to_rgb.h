// Parameters of the conversion from YUV, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct YuvToRgbPush {
  uint blocks, rows;  // of the picture: blocks of pixels a row, one a lane, and rows
};

#ifdef __cplusplus
}
#endif
