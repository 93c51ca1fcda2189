// Parameters of rope.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

// Channel c of head h of token i of image b is x[first + b * image + i * token + h * head + c].
struct RopePush {
  uint images, tokens, heads;
  uint pairs;  // of a head's channels
  uint first, image, token, head;
  uint table_heads;  // head h turns by angles h % table_heads
  float direction;   // 1, or −1 to turn back
};

#ifdef __cplusplus
}
#endif
