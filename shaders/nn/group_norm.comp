// GroupNorm with one group (Wu and He 2018, eq. 1 to 4), from the moments of the parts: a lane for one unit of
// several tokens of a part.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/group_norm.h"

layout(push_constant) uniform Block { GroupNormPush p; };
UNITS_IN(0, x, STORE, STORE4)                                       // [images, tokens, units]
layout(binding = 1) readonly buffer Moments { vec2 moments[]; };  // [images, parts]
UNITS_IN(2, gamma, float, vec4)                                     // [units]
UNITS_IN(3, beta, float, vec4)                                      // [units]
UNITS_OUT(4, y)

// Tokens of a part: the last may be short.
float size_of(uint part) { return float(min(p.part_tokens, p.tokens - part * p.part_tokens)); }

void main() {
  const uint unit = global_x(), part = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  float mean = 0.0, variance = 0.0;
  for (uint i = 0; i < p.parts; ++i) mean += size_of(i) * moments[image * p.parts + i].x;
  mean /= float(p.tokens);
  for (uint i = 0; i < p.parts; ++i) {
    const vec2 m = moments[image * p.parts + i];
    variance += size_of(i) * (m.y + (m.x - mean) * (m.x - mean));
  }
  const float inverse = inversesqrt(variance / float(p.tokens) + p.epsilon);

  const vec4 a = inverse * gamma(unit), b = beta(unit);
  const uint last = min((part + 1) * p.part_tokens, p.tokens);
  for (uint i = part * p.part_tokens + lane_y(); i < last; i += GROUP_Y) {
    const uint at = (image * p.tokens + i) * p.units + unit;
    write_y(at, (x(at) - mean) * a + b);
  }
}
