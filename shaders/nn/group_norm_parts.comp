// Mean and mean square deviation of each part of an image, one workgroup a part, in two passes over it.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/group_norm.h"

layout(push_constant) uniform Block { GroupNormPush p; };
UNITS_IN(0, x, STORE, STORE4)                                        // [images, tokens, units]
layout(binding = 1) writeonly buffer Moments { vec2 moments[]; };  // [images, parts]

shared float partial[GROUP];

float group_sum(float value) {
  partial[gl_LocalInvocationIndex] = value;
  for (uint width = GROUP / 2; width > 0; width /= 2) {
    barrier();
    if (gl_LocalInvocationIndex < width) partial[gl_LocalInvocationIndex] += partial[gl_LocalInvocationIndex + width];
  }
  barrier();
  const float total = partial[0];
  barrier();
  return total;
}

void main() {
  const uint part = gl_WorkGroupID.x, image = gl_WorkGroupID.y;
  const uint first_token = part * p.part_tokens;
  const uint count = (min(first_token + p.part_tokens, p.tokens) - first_token) * p.units;
  const uint first = (image * p.tokens + first_token) * p.units;

  // The four numbers of a unit weigh a quarter each; where a unit is one channel, they are equal.
  vec4 sum = vec4(0);
  for (uint i = gl_LocalInvocationIndex; i < count; i += GROUP) sum += x(first + i);
  const float mean = group_sum(dot(sum, vec4(0.25))) / float(count);
  vec4 squares = vec4(0);
  for (uint i = gl_LocalInvocationIndex; i < count; i += GROUP) {
    const vec4 d = x(first + i) - mean;
    squares += d * d;
  }
  const float deviation = group_sum(dot(squares, vec4(0.25))) / float(count);
  if (gl_LocalInvocationIndex == 0) moments[image * p.parts + part] = vec2(mean, deviation);
}
