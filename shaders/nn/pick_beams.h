// Parameters of pick_beams.comp, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct PickBeamsPush {
  uint pictures, beams;
  uint each;  // continuations of a beam that there are to choose from
  uint end;   // id
};

#ifdef __cplusplus
}
#endif
