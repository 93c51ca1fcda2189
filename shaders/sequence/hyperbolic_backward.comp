// dx = dy (1 − y²), of y = tanh(x).
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/hyperbolic.h"

layout(push_constant) uniform Block { HyperbolicPush p; };
UNITS_IN(0, y, STORE, STORE4)  // [rows, units]
UNITS_IN(1, dy, float, vec4)
layout(binding = 2) writeonly buffer Dx { float dx_one[]; };
layout(binding = 2) writeonly buffer Dx4 { vec4 dx_four[]; };

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint row = global_y(); row < p.rows; row += gl_NumWorkGroups.y * GROUP_Y) {
    const uint at = row * p.units + unit;
    const vec4 value = y(at), dx = dy(at) * (1.0 - value * value);
    if (FOURS) dx_four[at] = dx;
    else dx_one[at] = dx.x;
  }
}
