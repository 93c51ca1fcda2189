// Parameters of token_mean.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct TokenMeanPush {
  uint images, tokens, first, width;  // tokens first … tokens − 1 are averaged
};

#ifdef __cplusplus
}
#endif
