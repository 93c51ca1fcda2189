// y = mean of a window of x, windows as even as sizes allow: row i of n averages from ⌊i · height / n⌋ to
// ⌈(i + 1) · height / n⌉, columns likewise. A lane makes one unit of several pixels.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/conv/adaptive_mean.h"

layout(push_constant) uniform Block { AdaptiveMeanPush p; };
UNITS_IN(0, x, STORE, STORE4)  // [images, height, width, units]
UNITS_OUT(1, y)                // [images, out_height, out_width, units]

uvec2 window(uint i, uint size, uint windows) {
  return uvec2(i * size / windows, ((i + 1) * size + windows - 1) / windows);
}

void main() {
  const uint unit = global_x(), image = gl_WorkGroupID.z, pixels = p.out_height * p.out_width;
  if (unit >= p.units) return;
  for (uint i = global_y(); i < pixels; i += gl_NumWorkGroups.y * GROUP_Y) {
    const uvec2 rows = window(i / p.out_width, p.height, p.out_height);
    const uvec2 cols = window(i % p.out_width, p.width, p.out_width);
    vec4 sum = vec4(0);
    for (uint row = rows.x; row < rows.y; ++row)
      for (uint col = cols.x; col < cols.y; ++col)
        sum += x(((image * p.height + row) * p.width + col) * p.units + unit);
    write_y((image * pixels + i) * p.units + unit, sum / float((rows.y - rows.x) * (cols.y - cols.x)));
  }
}
