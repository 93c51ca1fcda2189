// Parameters of embed_ids and its gradient, read by GLSL and C++.
#ifdef __cplusplus
#pragma once
#include <cstdint>
namespace fovea {
using uint = uint32_t;
#endif

struct EmbedIdsPush {
  uint batch, steps, entries, units;  // units: of an entry, see common/units.glsl
};

#ifdef __cplusplus
}
#endif
