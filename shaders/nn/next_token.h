// Parameters of next_token.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct NextTokenPush {
  uint rows;
  uint end, pad;  // ids
};

#ifdef __cplusplus
}
#endif
