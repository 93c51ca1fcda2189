// Parameters of cache_append.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct CacheAppendPush {
  uint images, tokens;
  uint units;             // of a row of the cache
  uint x_units, x_first;  // of a row of x, and where what is kept of it begins
  uint capacity;          // rows of the cache, an image
};

#ifdef __cplusplus
}
#endif
