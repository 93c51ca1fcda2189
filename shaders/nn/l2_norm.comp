// Rows of length one, each times a factor: y = scale · x / max(|x|, epsilon). A lane a row, sums in fp32.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/l2_norm.h"

layout(push_constant) uniform Block { L2NormPush p; };
UNITS_IN(0, x, STORE, STORE4)
layout(binding = 1) readonly buffer Scale { float scale[]; };  // [inner]
UNITS_OUT(2, y)

void main() {
  for (uint row = global_x(); row < p.rows; row += gl_NumWorkGroups.x * GROUP_X) {
    const uint inner = row % p.inner, at = row / p.inner * p.outer + inner * p.units;
    vec4 squares = vec4(0);
    for (uint i = 0; i < p.units; ++i) {
      const vec4 value = x(at + i);
      squares += value * value;
    }
    const float sum = FOURS ? dot(squares, vec4(1)) : squares.x;
    const float factor = scale[inner] / max(sqrt(sum), p.epsilon);
    for (uint i = 0; i < p.units; ++i) write_y(at + i, x(at + i) * factor);
  }
}
