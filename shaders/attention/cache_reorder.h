// Parameters of cache_reorder.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct CacheReorderPush {
  uint groups;    // of rows that go together
  uint capacity;  // tokens of a row
  uint units;     // fours of a token
};

#ifdef __cplusplus
}
#endif
