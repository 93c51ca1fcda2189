// The gradient of LayerNorm by its input: dx = residual + (g − mean g − x̂ mean(g x̂)) / σ with g = γ ⊙ dy. HELD leaves
// out the last term: mean and deviation held at what they are, the norm is linear. One workgroup a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/nn/layer_norm.h"

layout(constant_id = 0) const uint GROUP = 64;
layout(constant_id = 1) const bool HAS_RESIDUAL = false;
layout(constant_id = 2) const bool HELD = false;

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Block { LayerNormPush p; };  // rows of dy, residual and dx lie as those of y
layout(binding = 0) readonly buffer X { STORE x[]; };
layout(binding = 1) readonly buffer Gamma { float gamma[]; };  // [width]
layout(binding = 2) readonly buffer Dy { float dy[]; };
layout(binding = 3) readonly buffer Residual { float residual[]; };
layout(binding = 4) writeonly buffer Dx { float dx[]; };

shared vec2 partial[GROUP];

vec2 group_sum(vec2 value) {
  partial[gl_LocalInvocationID.x] = value;
  for (uint width = GROUP / 2; width > 0; width /= 2) {
    barrier();
    if (gl_LocalInvocationID.x < width) partial[gl_LocalInvocationID.x] += partial[gl_LocalInvocationID.x + width];
  }
  barrier();
  const vec2 total = partial[0];
  barrier();
  return total;
}

void main() {
  const uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (row >= p.rows) return;  // uniform: the whole workgroup leaves
  const uint x_at = p.x_first + row / p.inner * p.x_outer + row % p.inner * p.x_inner;
  const uint y_at = p.y_first + row / p.inner * p.y_outer + row % p.inner * p.y_inner;

  vec2 sums = vec2(0);  // of x and g
  for (uint i = gl_LocalInvocationID.x; i < p.width; i += GROUP)
    sums += vec2(float(x[x_at + i]), gamma[i] * dy[y_at + i]);
  const vec2 means = group_sum(sums) / float(p.width);
  vec2 products = vec2(0);  // of x − mean with itself and with g
  for (uint i = gl_LocalInvocationID.x; i < p.width; i += GROUP) {
    const float d = float(x[x_at + i]) - means.x;
    products += d * vec2(d, gamma[i] * dy[y_at + i]);
  }
  products = group_sum(products) / float(p.width);
  const float inverse = inversesqrt(products.x + p.epsilon);
  const float along = HELD ? 0.0 : products.y * inverse * inverse;
  for (uint i = gl_LocalInvocationID.x; i < p.width; i += GROUP) {
    const float g = gamma[i] * dy[y_at + i];
    const float value = inverse * (g - means.y - (float(x[x_at + i]) - means.x) * along);
    dx[y_at + i] = HAS_RESIDUAL ? residual[y_at + i] + value : value;
  }
}
