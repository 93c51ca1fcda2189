// Resizes images, bilinear or nearest: x [images, height, width, units] → y [images, out_height, out_width, units], a
// lane for one unit of several pixels of a row. Positions are fractions of integers, so that no rounding moves a
// pixel.
// Variants: buffer texel
#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/conv/resize2d.h"

layout(constant_id = 3) const bool BILINEAR = true;

layout(push_constant) uniform Block { Resize2dPush p; };
UNITS_IN(0, x, STORE, STORE4)
UNITS_OUT(1, y)

struct Position {
  uint low, high;  // pixels on either side
  float part;      // of the second
};

Position position(uint i, uint step, int first, uint unit, uint size) {
  const uint at = uint(max(int(i * step) + first, 0));
  Position result;
  result.low = min(at / unit, size - 1);
  result.high = min(result.low + 1, size - 1);
  result.part = float(at % unit) / float(unit);
  return result;
}

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  const uint image = gl_WorkGroupID.z / p.out_height;
  const Position row = position(gl_WorkGroupID.z % p.out_height, p.row_step, p.row_first, p.row_unit, p.height);
  const uint low = (image * p.height + row.low) * p.width, high = (image * p.height + row.high) * p.width;
  for (uint i = global_y(); i < p.out_width; i += gl_NumWorkGroups.y * GROUP_Y) {
    const Position col = position(i, p.col_step, p.col_first, p.col_unit, p.width);
    vec4 value = x((low + col.low) * p.units + unit);
    if (BILINEAR) {
      const vec4 upper = mix(value, x((low + col.high) * p.units + unit), col.part);
      const vec4 lower = mix(x((high + col.low) * p.units + unit), x((high + col.high) * p.units + unit), col.part);
      value = mix(upper, lower, row.part);
    }
    write_y((gl_WorkGroupID.z * p.out_width + i) * p.units + unit, value);
  }
}
