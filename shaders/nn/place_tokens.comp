// y[image, first + i] = base + factor · x[image, i · step] for i < count, and base, or zeros, elsewhere: tokens are
// taken out of a sequence, put into one, or spread over it.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/place_tokens.h"

layout(constant_id = 3) const bool HAS_BASE = false;

layout(push_constant) uniform Block { PlaceTokensPush p; };
UNITS_IN(0, x, STORE, STORE4)     // [images, x_tokens, units]
UNITS_IN(1, base, STORE, STORE4)  // [images, y_tokens, units]
UNITS_OUT(2, y)                   // [images, y_tokens, units]

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  for (uint t = global_y(); t < p.y_tokens; t += gl_NumWorkGroups.y * GROUP_Y) {
    const uint at = (image * p.y_tokens + t) * p.units + unit;
    vec4 value = HAS_BASE ? base(at) : vec4(0);
    if (t >= p.first && t - p.first < p.count)
      value += p.factor * x((image * p.x_tokens + (t - p.first) * p.step) * p.units + unit);
    write_y(at, value);
  }
}
