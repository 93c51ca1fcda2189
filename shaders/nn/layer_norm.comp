// LayerNorm (Ba et al. 2016, eq. 4): one workgroup a row, mean and variance in two passes, fp32.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/layer_norm.h"

layout(constant_id = 0) const uint GROUP = 64;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { LayerNormPush p; };
layout(binding = 0) readonly buffer X { STORE x[]; };
layout(binding = 1) readonly buffer Gamma { float gamma[]; };  // [width]
layout(binding = 2) readonly buffer Beta { float beta[]; };    // [width]
layout(binding = 3) writeonly buffer Y { STORE y[]; };

shared float partial[GROUP];

float group_sum(float value) {
  partial[gl_LocalInvocationID.x] = value;
  for (uint width = GROUP / 2; width > 0; width /= 2) {
    barrier();
    if (gl_LocalInvocationID.x < width) partial[gl_LocalInvocationID.x] += partial[gl_LocalInvocationID.x + width];
  }
  barrier();
  const float total = partial[0];
  barrier();
  return total;
}

void main() {
  const uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (row >= p.rows) return;  // uniform: the whole workgroup leaves
  const uint x_at = p.x_first + row / p.inner * p.x_outer + row % p.inner * p.x_inner;
  const uint y_at = p.y_first + row / p.inner * p.y_outer + row % p.inner * p.y_inner;

  float sum = 0.0;
  for (uint i = gl_LocalInvocationID.x; i < p.width; i += GROUP) sum += float(x[x_at + i]);
  const float mean = group_sum(sum) / float(p.width);
  float squares = 0.0;
  for (uint i = gl_LocalInvocationID.x; i < p.width; i += GROUP) {
    const float d = float(x[x_at + i]) - mean;
    squares += d * d;
  }
  const float inverse = inversesqrt(group_sum(squares) / float(p.width) + p.epsilon);
  for (uint i = gl_LocalInvocationID.x; i < p.width; i += GROUP)
    y[y_at + i] = STORE((float(x[x_at + i]) - mean) * inverse * gamma[i] + beta[i]);
}
