// Parameters of the normalisation kernel, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct NormalizeImagePush {
  uint height, width;
  uint pitch;         // words between rows of pixels
  uint target_first;  // element of the image's first plane
  float mean_r, mean_g, mean_b;
  float std_r, std_g, std_b;
};

#ifdef __cplusplus
}
#endif
