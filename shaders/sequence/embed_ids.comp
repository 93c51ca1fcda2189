// y[step, row] = table[ids[row, step]]: steps first, so that those of one step lie together.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/sequence/embed_ids.h"

layout(push_constant) uniform Block { EmbedIdsPush p; };
layout(binding = 0) readonly buffer Ids { uint ids[]; };  // [batch, steps]
UNITS_IN(1, table, STORE, STORE4)                         // [entries, units]
UNITS_OUT(2, y)                                           // [steps, batch, units]

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint row = global_y(); row < p.steps * p.batch; row += gl_NumWorkGroups.y * GROUP_Y) {
    const uint id = ids[row % p.batch * p.steps + row / p.batch];
    write_y(row * p.units + unit, id < p.entries ? table(id * p.units + unit) : vec4(0));
  }
}
