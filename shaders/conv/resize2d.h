// Parameters of the resize2d kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// Output row i lies at input row max(i · row_step + row_first, 0) / row_unit; columns likewise.
struct Resize2dPush {
  uint images, height, width;  // of x
  uint units;                  // of a pixel, see common/units.glsl
  uint out_height, out_width;
  uint row_step, row_unit;
  int row_first;
  uint col_step, col_unit;
  int col_first;
};

#ifdef __cplusplus
}
#endif
