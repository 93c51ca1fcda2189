// Parameters of copy_columns, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct CopyColumnsPush {
  uint rows, units;     // see common/units.glsl
  uint x_row, x_first;  // in units
  uint y_row, y_first;
};

#ifdef __cplusplus
}
#endif
