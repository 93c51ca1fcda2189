// The gradient of embed_ids by its table: what of dy came from each entry.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/units.glsl"
#include "shaders/sequence/embed_ids.h"

layout(push_constant) uniform Block { EmbedIdsPush p; };
layout(binding = 0) readonly buffer Ids { uint ids[]; };  // [batch, steps]
UNITS_IN(1, dy, float, vec4)                              // [steps, batch, units]
layout(binding = 2) writeonly buffer Dtable { float dtable_one[]; };
layout(binding = 2) writeonly buffer Dtable4 { vec4 dtable_four[]; };  // [entries, units]

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  for (uint entry = global_y(); entry < p.entries; entry += gl_NumWorkGroups.y * GROUP_Y) {
    vec4 sum = vec4(0);
    for (uint row = 0; row < p.steps * p.batch; ++row)
      if (ids[row % p.batch * p.steps + row / p.batch] == entry) sum += dy(row * p.units + unit);
    if (FOURS) dtable_four[entry * p.units + unit] = sum;
    else dtable_one[entry * p.units + unit] = sum.x;
  }
}
