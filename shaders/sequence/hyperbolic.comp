// y = tanh(x).
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/hyperbolic.h"

layout(push_constant) uniform Block { HyperbolicPush p; };
UNITS_IN(0, x, STORE, STORE4)  // [rows, units]
UNITS_OUT(1, y)

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint row = global_y(); row < p.rows; row += gl_NumWorkGroups.y * GROUP_Y)
    write_y(row * p.units + unit, 2.0 * logistic(2.0 * x(row * p.units + unit)) - 1.0);
}
