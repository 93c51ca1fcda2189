// y[j, i] = x[i, j] for rows of channels: steps of a batch to batches of a step, and back. WIDEN stores fp32 whatever x is.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/swap_steps.h"

layout(constant_id = 3) const bool WIDEN = false;

layout(push_constant) uniform Block { SwapStepsPush p; };
UNITS_IN(0, x, STORE, STORE4)  // [outer, inner, units]
layout(binding = 1) writeonly buffer Y { STORE y[]; };  // [inner, outer, units]
layout(binding = 1) writeonly buffer Y4 { STORE4 y4[]; };
layout(binding = 1) writeonly buffer Wide { float wide[]; };
layout(binding = 1) writeonly buffer Wide4 { vec4 wide4[]; };

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint row = global_y(); row < p.outer * p.inner; row += gl_NumWorkGroups.y * GROUP_Y) {
    const vec4 value = x(row * p.units + unit);
    const uint at = (row % p.inner * p.outer + row / p.inner) * p.units + unit;
    if (FOURS) {
      if (WIDEN) wide4[at] = value;
      else y4[at] = STORE4(value);
    } else {
      if (WIDEN) wide[at] = value.x;
      else y[at] = STORE(value.x);
    }
  }
}
