// LayerNorm (Ba et al. 2016, eq. 4) for CPU drivers: one lane a row, no shared memory.
// Beside layer_norm: texels, as loads from storage buffers are loops over lanes on CPU drivers.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/layer_norm.h"

layout(constant_id = 0) const uint GROUP = 8;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { LayerNormPush p; };
layout(binding = 0) uniform textureBuffer x;
layout(binding = 1) uniform textureBuffer gamma;  // [width / 4]
layout(binding = 2) uniform textureBuffer beta;   // [width / 4]
layout(binding = 3) writeonly buffer Y { STORE4 y[]; };

void main() {
  const uint row = gl_GlobalInvocationID.x;
  if (row >= p.rows) return;
  const int x_at = int(p.x_first + row / p.inner * p.x_outer + row % p.inner * p.x_inner) / 4;
  const uint y_at = (p.y_first + row / p.inner * p.y_outer + row % p.inner * p.y_inner) / 4;
  const int width4 = int(p.width / 4);

  vec4 sum = vec4(0);
  for (int i = 0; i < width4; ++i) sum += texelFetch(x, x_at + i);
  const float mean = dot(sum, vec4(1)) / float(p.width);
  vec4 squares = vec4(0);
  for (int i = 0; i < width4; ++i) {
    const vec4 d = texelFetch(x, x_at + i) - mean;
    squares += d * d;
  }
  const float inverse = inversesqrt(dot(squares, vec4(1)) / float(p.width) + p.epsilon);
  for (int i = 0; i < width4; ++i)
    y[y_at + i] = STORE4((texelFetch(x, x_at + i) - mean) * inverse * texelFetch(gamma, i) + texelFetch(beta, i));
}
