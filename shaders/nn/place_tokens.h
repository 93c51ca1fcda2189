// Parameters of place_tokens, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct PlaceTokensPush {
  uint images, x_tokens, y_tokens;
  uint units;         // of a token, see common/units.glsl
  uint first, count;  // tokens of y that get something
  uint step;          // tokens of x from one of them to the next: 0 gives all the same
  float factor;
};

#ifdef __cplusplus
}
#endif
