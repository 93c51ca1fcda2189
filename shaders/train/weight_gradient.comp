// The gradient of a linear layer by its weight and bias: dw[n, k] = Σ dy[m, n] · x[m, k] and Σ dy[m, n] over rows m.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/train/weight_gradient.h"

layout(push_constant) uniform Block { WeightGradientPush p; };
UNITS_IN(0, x, STORE, STORE4)
layout(binding = 1) readonly buffer Dy { float dy[]; };
layout(binding = 2) writeonly buffer Dw { float dw_one[]; };  // [columns, units]
layout(binding = 2) writeonly buffer Dw4 { vec4 dw_four[]; };
layout(binding = 3) writeonly buffer Db { float db[]; };  // [columns]

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint n = global_y(); n < p.columns; n += gl_NumWorkGroups.y * GROUP_Y) {
    vec4 sum = vec4(0);
    float plain = 0.0;
    for (uint m = 0; m < p.rows; ++m) {
      const float given = dy[m * p.dy_row + p.dy_first + n];
      sum += given * x(m * p.x_row + p.x_first + unit);
      plain += given;
    }
    if (FOURS) dw_four[n * p.units + unit] = sum;
    else dw_one[n * p.units + unit] = sum.x;
    if (unit == 0) db[n] = plain;
  }
}
