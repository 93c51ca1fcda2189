// Parameters of token_mix.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct TokenMixPush {
  uint images, tokens;
  uint start;  // the token of a one-hot vector, where the kernel makes its own
};

#ifdef __cplusplus
}
#endif
