// One step of a chain of vector × matrix products over tokens: y = w A, or with IDENTITY y = w (A + I) where each
// row of A + I is first divided by its sum (attention rollout, Abnar & Zuidema 2020, eq. 1). One workgroup an image.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/maps/token_mix.h"

layout(constant_id = 0) const uint GROUP = 128;
layout(constant_id = 1) const bool IDENTITY = true;
layout(constant_id = 2) const uint START = 0;  // 0: the given vector, 1: one-hot at p.start, 2: uniform

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { TokenMixPush p; };
layout(binding = 0) readonly buffer A { float a[]; };          // [images, tokens, tokens]
layout(binding = 1) readonly buffer X { float x[]; };          // [images, tokens]
layout(binding = 2) coherent buffer Weights { float w[]; };    // [images, tokens], scratch
layout(binding = 3) writeonly buffer Y { float y[]; };         // [images, tokens]

void main() {
  const uint n = p.tokens, image = gl_WorkGroupID.x;
  const uint at = image * n;
  for (uint i = gl_LocalInvocationID.x; i < n; i += GROUP) {
    float value = START == 0 ? x[at + i] : START == 1 ? (i == p.start ? 1.0 : 0.0) : 1.0 / float(n);
    if (IDENTITY && value != 0.0) {
      float sum = 1.0;
      for (uint j = 0; j < n; ++j) sum += a[(at + i) * n + j];
      value /= sum;
    }
    w[at + i] = value;
  }
  memoryBarrierBuffer();
  barrier();
  for (uint j = gl_LocalInvocationID.x; j < n; j += GROUP) {
    float sum = IDENTITY ? w[at + j] : 0.0;
    for (uint i = 0; i < n; ++i) sum += w[at + i] * a[(at + i) * n + j];
    y[at + j] = sum;
  }
}
