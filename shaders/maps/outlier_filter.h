// Parameters of outlier_filter, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct OutlierFilterPush {
  uint images, tokens;     // of x
  uint first, rows, cols;  // the map is tokens first … first + rows · cols − 1
  float sigma;
};

#ifdef __cplusplus
}
#endif
