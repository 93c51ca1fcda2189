// Rows of a vocabulary's table, and of a table of positions: y[b, t] = scale · table[ids[b, t]] + positions[row], where
// row = first + past[b] + t; or, COUNTED, first + past[b] + the number of ids up to t that are no pads, and first for a
// pad itself. Ids and rows beyond their table take its last row: the host checks them. A table too large for one buffer
// comes in parts, a dispatch each.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/embed_text.h"
layout(constant_id = 3) const bool HAS_POSITIONS = true;
layout(constant_id = 4) const bool HAS_PAST = false;
layout(constant_id = 5) const bool COUNTED = false;

layout(push_constant) uniform Block { EmbedTextPush p; };
UNITS_IN(0, table, STORE, STORE4)    // [rows, units]
UNITS_IN(1, positions, float, vec4)  // [positions, units]
layout(binding = 2) readonly buffer Ids { uint ids[]; };    // [images, tokens]
layout(binding = 3) readonly buffer Past { uint past[]; };  // [images]: tokens before the first one
UNITS_OUT(4, y)                      // [images, tokens, units]

uint position(uint image, uint token) {
  const uint before = p.first + (HAS_PAST ? past[image] : 0);
  if (!COUNTED) return before + token;
  uint count = 0;
  for (uint t = 0; t <= token; ++t) count += ids[image * p.tokens + t] != p.pad ? 1 : 0;
  return ids[image * p.tokens + token] == p.pad ? p.first : before + count;
}

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  for (uint t = global_y(); t < p.tokens; t += gl_NumWorkGroups.y * GROUP_Y) {
    const uint at = image * p.tokens + t;
    const uint id = min(ids[at], p.vocabulary - 1);
    if (id < p.first_id || id - p.first_id >= p.rows) continue;
    vec4 value = p.scale * table((id - p.first_id) * p.units + unit);
    if (HAS_POSITIONS) value += positions(min(position(image, t), p.positions - 1) * p.units + unit);
    write_y(at * p.units + unit, value);
  }
}
