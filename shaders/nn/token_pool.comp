// Mean or maximum over tokens: x [images, tokens, units] → y [images, units], fp32 sums. The lanes of a column
// of the workgroup share a unit's tokens.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/token_pool.h"

layout(constant_id = 3) const bool MAXIMUM = false;

layout(push_constant) uniform Block { TokenPoolPush p; };
UNITS_IN(0, x, STORE, STORE4)
UNITS_OUT(1, y)

shared vec4 partial[GROUP];

vec4 combine(vec4 a, vec4 b) { return MAXIMUM ? max(a, b) : a + b; }

void main() {
  const uint image = gl_WorkGroupID.y, lane = lane_y();
  const uint unit = global_x(), from = min(unit, p.units - 1);
  vec4 result = x((image * p.tokens + min(p.first + lane, p.tokens - 1)) * p.units + from);
  if (p.first + lane >= p.tokens && !MAXIMUM) result = vec4(0);
  for (uint i = p.first + lane + GROUP_Y; i < p.tokens; i += GROUP_Y)
    result = combine(result, x((image * p.tokens + i) * p.units + from));

  if (GROUP_Y > 1) {
    partial[gl_LocalInvocationIndex] = result;
    for (uint step = GROUP_Y / 2; step > 0; step /= 2) {
      barrier();
      if (lane < step) {
        result = combine(result, partial[gl_LocalInvocationIndex + step * GROUP_X]);
        partial[gl_LocalInvocationIndex] = result;
      }
    }
  }
  if (unit >= p.units || lane != 0) return;
  write_y(image * p.units + unit, MAXIMUM ? result : result / float(p.tokens - p.first));
}
