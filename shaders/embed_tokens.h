// Parameters of embed_tokens.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct EmbedTokensPush {
  uint images, tokens, prefix, width;
};

#ifdef __cplusplus
}
#endif
