// Parameters of choose_token.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct ChooseTokenPush {
  uint rows, classes, stride4;  // of a row of scores: those that count, and fours
  uint k;                       // of the best that are drawn from
  float inverse_temperature;
};

#ifdef __cplusplus
}
#endif
