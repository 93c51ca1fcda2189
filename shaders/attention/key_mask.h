// Parameters of key_mask.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct KeyMaskPush {
  uint images, keys;
  uint seen;  // the word of a key that is seen: 0 or 1
};

#ifdef __cplusplus
}
#endif
