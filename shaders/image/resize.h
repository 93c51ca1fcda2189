// Parameters of the resampling kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ResizeHorizontalPush {
  uint columns, rows;  // of the target
  uint source_pitch;   // blocks of 16 bytes a row
  uint source_first;   // block where the first row begins
  uint target_pitch;   // pixels a row
  uint target_first;   // where the first pixel goes
};

struct ResizeVerticalPush {
  uint pitch;         // fours of pixels a row, of source and target
  uint rows;          // target rows of this dispatch
  uint source_first;  // source row, as the spans count, that is row 0 of the buffer
  uint target_first;  // first target row
  uint top, bottom;   // target rows of the picture: [top, bottom); the rest is filled
  uint left, right;   // and columns
  uint fill;          // a pixel
};

#ifdef __cplusplus
}
#endif
