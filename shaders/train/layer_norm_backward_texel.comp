// The gradient of LayerNorm as layer_norm_backward.comp has it, for CPU drivers: one lane a row, no shared memory.
// Beside layer_norm_backward: texels, as loads from storage buffers are loops over lanes on CPU drivers.
// Variants: texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/nn/layer_norm.h"

layout(constant_id = 0) const uint GROUP = 8;
layout(constant_id = 1) const bool HAS_RESIDUAL = false;
layout(constant_id = 2) const bool HELD = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { LayerNormPush p; };  // rows of dy, residual and dx lie as those of y
layout(binding = 0) uniform textureBuffer x;
layout(binding = 1) uniform textureBuffer gamma;  // [width / 4]
layout(binding = 2) uniform textureBuffer dy;
layout(binding = 3) uniform textureBuffer residual;
layout(binding = 4) writeonly buffer Dx { vec4 dx[]; };

void main() {
  const uint row = gl_GlobalInvocationID.x;
  if (row >= p.rows) return;
  const int x_at = int(p.x_first + row / p.inner * p.x_outer + row % p.inner * p.x_inner) / 4;
  const int y_at = int(p.y_first + row / p.inner * p.y_outer + row % p.inner * p.y_inner) / 4;
  const int width4 = int(p.width / 4);

  vec4 x_sum = vec4(0), g_sum = vec4(0);
  for (int i = 0; i < width4; ++i) {
    x_sum += texelFetch(x, x_at + i);
    g_sum += texelFetch(gamma, i) * texelFetch(dy, y_at + i);
  }
  const float mean = dot(x_sum, vec4(1)) / float(p.width), g_mean = dot(g_sum, vec4(1)) / float(p.width);
  vec4 squares = vec4(0), products = vec4(0);
  for (int i = 0; i < width4; ++i) {
    const vec4 d = texelFetch(x, x_at + i) - mean;
    squares += d * d;
    products += d * texelFetch(gamma, i) * texelFetch(dy, y_at + i);
  }
  const float inverse = inversesqrt(dot(squares, vec4(1)) / float(p.width) + p.epsilon);
  const float along = HELD ? 0.0 : dot(products, vec4(1)) / float(p.width) * inverse * inverse;
  for (int i = 0; i < width4; ++i) {
    const vec4 g = texelFetch(gamma, i) * texelFetch(dy, y_at + i);
    const vec4 value = inverse * (g - g_mean - (texelFetch(x, x_at + i) - mean) * along);
    dx[y_at + i] = HAS_RESIDUAL ? texelFetch(residual, y_at + i) + value : value;
  }
}
