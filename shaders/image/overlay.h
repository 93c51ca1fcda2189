// Parameters of the overlay kernel, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct OverlayPush {
  uint blocks, rows;  // of the picture: blocks of pixels a row, one a lane, and rows
  uint map_rows, map_cols;
};

// What changes from frame to frame, in a buffer so that a recorded dispatch can be replayed.
struct OverlayFrame {
  float scale_x, offset_x;  // map column = scale_x · picture column + offset_x, at the middle of both
  float scale_y, offset_y;
};

#ifdef __cplusplus
}
#endif
