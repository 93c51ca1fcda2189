// The length of each channel over an image's tokens: x [images, tokens, units] → [images, units], fp32. The lanes of
// a column of the workgroup share a unit's tokens.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/grn.h"

layout(push_constant) uniform Block { GrnPush p; };
UNITS_IN(0, x, STORE, STORE4)
layout(binding = 1) writeonly buffer Norms { float norms_one[]; };
layout(binding = 1) writeonly buffer Norms4 { vec4 norms_four[]; };

shared vec4 partial[GROUP];

void main() {
  const uint image = gl_WorkGroupID.y, lane = lane_y();
  const uint unit = global_x(), from = min(unit, p.units - 1);
  vec4 squares = vec4(0);
  for (uint i = lane; i < p.tokens; i += GROUP_Y) {
    const vec4 value = x((image * p.tokens + i) * p.units + from);
    squares += value * value;
  }
  if (GROUP_Y > 1) {
    partial[gl_LocalInvocationIndex] = squares;
    for (uint step = GROUP_Y / 2; step > 0; step /= 2) {
      barrier();
      if (lane < step) {
        squares += partial[gl_LocalInvocationIndex + step * GROUP_X];
        partial[gl_LocalInvocationIndex] = squares;
      }
    }
  }
  if (unit >= p.units || lane != 0) return;
  const uint at = image * p.units + unit;
  if (FOURS) norms_four[at] = sqrt(squares);
  else norms_one[at] = sqrt(squares.x);
}
