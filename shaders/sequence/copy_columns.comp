// Columns of rows into columns of other rows, to join and part them; ADD adds to what is there.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/copy_columns.h"

layout(constant_id = 3) const bool ADD = false;

layout(push_constant) uniform Block { CopyColumnsPush p; };
UNITS_IN(0, x, STORE, STORE4)
layout(binding = 1) buffer Y { STORE y[]; };
layout(binding = 1) buffer Y4 { STORE4 y4[]; };

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint row = global_y(); row < p.rows; row += gl_NumWorkGroups.y * GROUP_Y) {
    const vec4 value = x(row * p.x_row + p.x_first + unit);
    const uint at = row * p.y_row + p.y_first + unit;
    if (FOURS) y4[at] = STORE4(ADD ? value + vec4(y4[at]) : value);
    else y[at] = STORE(ADD ? value.x + float(y[at]) : value.x);
  }
}
