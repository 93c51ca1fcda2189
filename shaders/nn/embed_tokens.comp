// Prefix tokens before patch tokens, position embeddings added: y[b, i] = table[i] + (i < prefix ? 0 : x[b, i − prefix]).
// The table holds position embeddings, with the prefix tokens already added to its first rows.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/nn/embed_tokens.h"

layout(push_constant) uniform Block { EmbedTokensPush p; };
UNITS_IN(0, x, STORE, STORE4)     // [images, tokens − prefix, units]
UNITS_IN(1, table, float, vec4)   // [tokens, units]
UNITS_OUT(2, y)                   // [images, tokens, units]

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z;
  if (unit >= p.units) return;
  for (uint t = global_y(); t < p.tokens; t += gl_NumWorkGroups.y * GROUP_Y) {
    vec4 value = table(t * p.units + unit);
    if (t >= p.prefix) value += x((image * (p.tokens - p.prefix) + t - p.prefix) * p.units + unit);
    write_y((image * p.tokens + t) * p.units + unit, value);
  }
}
