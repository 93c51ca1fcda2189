// dx = dy ⊙ act′(x). GATED: y = act(a) ⊙ b of rows x = [a, b] (SwiGLU), so dx = [dy ⊙ b ⊙ act′(a), dy ⊙ act(a)].
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/activation.glsl"
#include "shaders/common/units.glsl"
#include "shaders/train/activation_backward.h"

layout(constant_id = 3) const uint ACTIVATION = 1;
layout(constant_id = 4) const bool GATED = false;

layout(push_constant) uniform Block { ActivationBackwardPush p; };
UNITS_IN(0, x, STORE, STORE4)  // [rows, units], or twice as many
UNITS_IN(1, dy, float, vec4)   // [rows, units]
layout(binding = 2) writeonly buffer Dx { float dx_one[]; };  // as x
layout(binding = 2) writeonly buffer Dx4 { vec4 dx_four[]; };

void write_dx(uint i, vec4 value) {
  if (FOURS) dx_four[i] = value;
  else dx_one[i] = value.x;
}

// The derivatives of activations that transformers have.
vec4 slope(vec4 x) {
  if (ACTIVATION == ACT_RELU) return vec4(greaterThan(x, vec4(0)));
  if (ACTIVATION == ACT_GELU)  // Φ(x) + x φ(x)
    return 0.5 * (1.0 + error_function(x * 0.70710678118654752)) + x * 0.39894228040143268 * exp(-0.5 * x * x);
  vec4 inner = vec4(1);  // of x logistic(z): dz/dx
  vec4 s = logistic(x);
  if (ACTIVATION == ACT_GELU_TANH) {
    s = logistic(1.5957691216057308 * (x + 0.044715 * x * x * x));
    inner = 1.5957691216057308 * (1.0 + 0.134145 * x * x);
  } else if (ACTIVATION == ACT_QUICK_GELU) {
    s = logistic(1.702 * x);
    inner = vec4(1.702);
  }
  return s + x * s * (1.0 - s) * inner;
}

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint row = global_y(); row < p.rows; row += gl_NumWorkGroups.y * GROUP_Y) {
    const vec4 given = dy(row * p.units + unit);
    if (GATED) {
      const uint at = row * 2 * p.units + unit;
      const vec4 a = x(at);
      write_dx(at, given * x(at + p.units) * slope(a));
      write_dx(at + p.units, given * activate(ACTIVATION, a));
    } else {
      const uint at = row * p.units + unit;
      write_dx(at, given * slope(x(at)));
    }
  }
}
