// Parameters of patch_gather.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct PatchGatherPush {
  uint images, channels, height, width;
  uint patch_rows, patch_cols;  // pixels of a patch
};

#ifdef __cplusplus
}
#endif
