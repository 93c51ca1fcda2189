// Parameters of embed_tokens.glsl, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct EmbedTokensPush {
  uint images, tokens, prefix;
  uint units;  // of a token
};

#ifdef __cplusplus
}
#endif
