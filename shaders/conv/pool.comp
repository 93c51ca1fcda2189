// Maximum or mean over a sliding window, a lane for one unit of several pixels of a row. What lies in the
// padding counts for the mean with COUNT_PAD, what lies beyond it never.
// Variants: buffer texel
#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/storage.glsl"
#include "shaders/common/units.glsl"
#include "shaders/conv/pool.h"

layout(constant_id = 3) const bool MAXIMUM = true;
layout(constant_id = 4) const bool COUNT_PAD = false;
layout(constant_id = 5) const uint ROWS = 3;  // of the window
layout(constant_id = 6) const uint COLS = 3;

layout(push_constant) uniform Block { PoolPush p; };
UNITS_IN(0, x, STORE, STORE4)
UNITS_OUT(1, y)

// Rows or columns that the mean counts, for a window that begins at `first`.
int counted(int first, uint taps, uint size, uint after) {
  const int last = min(first + int(taps), int(COUNT_PAD ? size + after : size));
  return last - (COUNT_PAD ? first : max(first, 0));
}

void main() {
  const uint unit = global_x();
  if (unit >= p.units) return;
  const uint image = gl_WorkGroupID.z / p.out_height, out_row = gl_WorkGroupID.z % p.out_height;
  const int first_row = int(out_row * p.stride) - int(p.top);
  for (uint out_col = global_y(); out_col < p.out_width; out_col += gl_NumWorkGroups.y * GROUP_Y) {
    const int first_col = int(out_col * p.stride) - int(p.left);
    vec4 result = vec4(MAXIMUM ? uintBitsToFloat(0xff800000u) : 0.0);  // −∞
    for (uint r = 0; r < ROWS; ++r) {
      const int row = first_row + int(r * p.dilation);
      if (row < 0 || row >= int(p.height)) continue;
      const uint row_at = (image * p.height + row) * p.width;
      [[unroll]] for (uint c = 0; c < COLS; ++c) {
        const int col = first_col + int(c * p.dilation), nearest = clamp(col, 0, int(p.width) - 1);
        const vec4 value = x((row_at + nearest) * p.units + unit);
        const vec4 with = MAXIMUM ? max(result, value) : result + value;
        result = mix(result, with, bvec4(col == nearest));  // no branch: taps beyond the edge are few
      }
    }
    if (!MAXIMUM)
      result /= float(counted(first_row, ROWS, p.height, p.bottom) * counted(first_col, COLS, p.width, p.right));
    write_y((gl_WorkGroupID.z * p.out_width + out_col) * p.units + unit, result);
  }
}
