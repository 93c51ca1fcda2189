// Parameters of token_norm, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct TokenNormPush {
  uint images, tokens, width;
  uint with;  // the token that others are compared with
};

#ifdef __cplusplus
}
#endif
