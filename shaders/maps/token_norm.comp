// Length of each token, or with COSINE the cosine between it and one of its image, 0 where either is nothing.
// One lane a token.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/maps/token_norm.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const bool COSINE = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { TokenNormPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };   // [images, tokens, width]
layout(binding = 1) writeonly buffer Y { float y[]; };  // [images, tokens]

void main() {
  const uint token = gl_GlobalInvocationID.x, image = gl_WorkGroupID.y;
  if (token >= p.tokens) return;
  const uint own_at = (image * p.tokens + token) * p.width, with_at = (image * p.tokens + p.with) * p.width;
  float own = 0.0, with = 0.0, both = 0.0;
  for (uint c = 0; c < p.width; ++c) {
    const float value = float(x[own_at + c]);
    own += value * value;
    if (COSINE) {
      const float other = float(x[with_at + c]);
      with += other * other;
      both += value * other;
    }
  }
  const float length = sqrt(own);
  if (!COSINE)
    y[image * p.tokens + token] = length;
  else
    y[image * p.tokens + token] = own > 0.0 && with > 0.0 ? both / (length * sqrt(with)) : 0.0;
}
