// Parameters of mass_mask, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct MassMaskPush {
  uint images, heads, tokens;
  uint first;  // patches are tokens first … tokens − 1
  float mass;  // share of a row's sum over patches that is kept
};

#ifdef __cplusplus
}
#endif
