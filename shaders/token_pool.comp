// Mean over tokens: x [images, tokens, width] → y [images, width], fp32 sum.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/storage.glsl"
#include "token_mean.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { TokenMeanPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };
layout(binding = 1) writeonly buffer Y { STORE y[]; };

void main() {
  const uint c = gl_GlobalInvocationID.x, image = gl_WorkGroupID.y;
  if (c >= p.width) return;
  float sum = 0.0;
  for (uint i = p.first; i < p.tokens; ++i) sum += float(x[(image * p.tokens + i) * p.width + c]);
  y[image * p.width + c] = STORE(sum / float(p.tokens - p.first));
}
