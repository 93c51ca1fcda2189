// Parameters of the gather_rows kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct GatherRowsPush {
  uint images;
  uint rows, out_rows;  // of an image
  uint units;           // of a row, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
