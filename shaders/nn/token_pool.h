// Parameters of the token_pool kernels, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct TokenPoolPush {
  uint images, tokens, first;  // tokens first … tokens − 1 are pooled
  uint units;                  // of a token, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
