// y[image, i] = x[image, table[i]]; zeros where the table names no row. A lane copies one unit of several rows.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/common/gather_rows.h"

layout(push_constant) uniform Block { GatherRowsPush p; };
UNITS_IN(0, x, STORE, STORE4)                                  // [images, rows, units]
layout(binding = 1) readonly buffer Table { uint table[]; };  // [out_rows]
UNITS_OUT(2, y)                                                // [images, out_rows, units]

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  for (uint i = global_y(); i < p.out_rows; i += gl_NumWorkGroups.y * GROUP_Y) {
    const uint row = table[i];
    const vec4 value = row < p.rows ? x((image * p.rows + row) * p.units + unit) : vec4(0);
    write_y((image * p.out_rows + i) * p.units + unit, value);
  }
}
